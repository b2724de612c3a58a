/** Figures for Prometheus: requests by route and status, their duration, questions that wait, and the process itself. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export type Handler = (request: Request) => Promise<Response>;

/** `handler` with its requests counted, and `/metrics` beside it. */
export function measured(handler: Handler, waiting: () => number): Handler {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "plimsoll_requests_total",
    help: "requests by route and status",
    labelNames: ["route", "status"],
    registers,
  });
  const seconds = new Histogram({
    name: "plimsoll_request_seconds",
    help: "time to answer, by route",
    labelNames: ["route"],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  new Gauge({
    name: "plimsoll_waiting",
    help: "questions that wait for a thread",
    registers,
    collect() {
      this.set(waiting());
    },
  });
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/metrics" && request.method === "GET")
      return new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
    const start = performance.now();
    const response = await handler(request);
    // what nobody knows is one route: labels must not grow with what people ask
    const route = response.status === 404 || !pathname.startsWith("/v1/") ? "other" : pathname;
    requests.inc({ route, status: String(response.status) });
    seconds.observe({ route }, (performance.now() - start) / 1000);
    return response;
  };
}
