/** What is wrong, in five parts. */
import type { Complaint } from "plimsoll";

export function FiveParts({ of: { where, rule, expected, got, hint } }: { readonly of: Complaint }) {
  return (
    <div class="wrong" role="alert">
      <strong>
        {where}: {rule}
      </strong>
      <dl>
        <dt>expected</dt>
        <dd>{expected}</dd>
        <dt>got</dt>
        <dd>{got}</dd>
        <dt>hint</dt>
        <dd>{hint}</dd>
      </dl>
    </div>
  );
}
