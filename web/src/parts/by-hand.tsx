/** Rules of thumb beside the truth. */
import { formatBytes } from "plimsoll/present";
import { details } from "../store.js";

export function ByHand() {
  const now = details.value;
  if (!now) return <p>Computing …</p>;
  return (
    <div class="scroll">
      <table>
        <caption>What the rules that people use say, and what each of them misses</caption>
        <thead>
          <tr>
            <th scope="col">rule</th>
            <th scope="col" class="number">
              bytes
            </th>
            <th scope="col">misses</th>
          </tr>
        </thead>
        <tbody>
          <tr class="chosen">
            <th scope="row">Plimsoll: allocated at the peak</th>
            <td class="number">{formatBytes(now.report.peak.allocatedBytes)}</td>
            <td />
          </tr>
          {now.rules.map(({ name, bytes, misses }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{formatBytes(bytes)}</td>
              <td>{misses.join("; ")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
