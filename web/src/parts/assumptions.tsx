/** Defaults that mattered, and what else there is to say. */
import { report } from "../store.js";

export function Assumptions() {
  const now = report.value;
  if (!now) return null;
  return (
    <>
      {now.diagnostics.length > 0 && (
        <ul class="notes">
          {now.diagnostics.map(({ code, message, severity }) => (
            <li key={code + message} class={severity}>
              {message}
            </li>
          ))}
        </ul>
      )}
      <div class="scroll">
        <table>
          <caption>What was not said, and is assumed</caption>
          <thead>
            <tr>
              <th scope="col">setting</th>
              <th scope="col">value</th>
              <th scope="col">because</th>
            </tr>
          </thead>
          <tbody>
            {now.assumptions.map(({ setting, value, because }) => (
              <tr key={setting}>
                <th scope="row">{setting}</th>
                <td>{value}</td>
                <td>{because}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
