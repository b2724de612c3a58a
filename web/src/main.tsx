import { render } from "preact";
import { Page } from "./parts/page.js";
import "./page.css";

render(<Page />, document.getElementById("app") as HTMLElement); // index.html has it

if ("serviceWorker" in navigator && isSecureContext)
  void navigator.serviceWorker.register("./service-worker.js").catch(() => undefined); // the page works without
