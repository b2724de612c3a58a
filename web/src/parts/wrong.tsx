/** What is wrong with the question. */
import { bug, complaint } from "../store.js";
import { FiveParts } from "./five-parts.js";

export function Wrong() {
  if (bug.value !== null)
    return (
      <div class="wrong" role="alert">
        <strong>A bug in Plimsoll</strong>
        <p>{bug.value}</p>
        <p>Please report it with the address of this page and the model.</p>
      </div>
    );
  return complaint.value && <FiveParts of={complaint.value} />;
}
