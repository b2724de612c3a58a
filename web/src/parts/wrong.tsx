/** What is wrong with the question, in five parts. */
import { bug, complaint } from "../store.js";

export function Wrong() {
  const wrong = complaint.value;
  if (bug.value !== null)
    return (
      <div class="wrong" role="alert">
        <strong>A bug in Plimsoll</strong>
        <p>{bug.value}</p>
        <p>Please report it with the address of this page and the model.</p>
      </div>
    );
  if (wrong === null) return null;
  return (
    <div class="wrong" role="alert">
      <strong>
        {wrong.where}: {wrong.rule}
      </strong>
      <dl>
        <dt>expected</dt>
        <dd>{wrong.expected}</dd>
        <dt>got</dt>
        <dd>{wrong.got}</dd>
        <dt>hint</dt>
        <dd>{wrong.hint}</dd>
      </dl>
    </div>
  );
}
