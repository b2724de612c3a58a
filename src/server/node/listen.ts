/** Opens a port for a handler, and closes it without losing a request that was accepted. */
import type { Server } from "node:http";
import { setTimeout } from "node:timers/promises";
import { serve } from "@hono/node-server";
import type { Handler } from "./metrics.js";

export interface Listening {
  /** Where it listens: `http://127.0.0.1:7070`. */
  readonly url: string;
  /** Answers what was accepted, takes no new connection, then resolves. */
  readonly close: () => Promise<void>;
}

/** A client that sends slowly must not hold a connection for ever. */
const HEADERS_MILLISECONDS = 10_000;
const REQUEST_MILLISECONDS = 60_000;
/** How long requests are still taken after the end was asked for: one may be on its way over a connection that is kept. */
const LAME_MILLISECONDS = 1000;

/** Rejects when the port cannot be opened. */
export function listen(handler: Handler, host: string, port: number): Promise<Listening> {
  let draining = false;
  const fetch = async (request: Request): Promise<Response> => {
    if (!draining) return handler(request);
    const ending = new URL(request.url).pathname === "/health"; // balancers look elsewhere
    const answer = ending ? Response.json({ status: "ending" }, { status: 503 }) : await handler(request);
    const response = new Response(answer.body, answer);
    response.headers.set("connection", "close");
    return response;
  };
  return new Promise((resolve, reject) => {
    const server = serve(
      {
        fetch,
        hostname: host,
        port,
        serverOptions: { headersTimeout: HEADERS_MILLISECONDS, requestTimeout: REQUEST_MILLISECONDS },
      },
      ({ address, family, port: bound }) => {
        const name = family === "IPv6" ? `[${address}]` : address;
        resolve({ url: `http://${name}:${bound}`, close: () => close(server as Server) }); // as: no HTTP/2 was asked for
      },
    );
    server.once("error", reject);

    async function close(http: Server): Promise<void> {
      draining = true;
      await setTimeout(LAME_MILLISECONDS);
      await new Promise<void>((done) => http.close(() => done()));
    }
  });
}
