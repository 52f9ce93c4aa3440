// The server, as the page asks it. See openapi.json.

/** What went wrong with a request: `status` is 0 where the server could not be reached. */
export class Failure extends Error {
  constructor(status, message, { retryAfter = null, refused = [] } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.refused = refused;
  }
}

let token = ""; // in this page's memory only

export function setToken(value) {
  token = value;
}

const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

const UNREACHED = "The server does not answer. Is “gliaflow serve” still running?";

async function get(path) {
  let response;
  try {
    response = await fetch(path, { headers: authorization() });
  } catch {
    throw new Failure(0, UNREACHED);
  }
  if (!response.ok) {
    throw failureOf(response.status, await response.text(), response.headers.get("Retry-After"));
  }
  return response;
}

export const getModel = async () => (await get("api/model")).json();
export const getSamples = async () => (await get("api/samples")).json();

/** A sample as a file, as if it had been chosen on this machine. */
export async function getSample(name) {
  const blob = await (await get(`api/samples/${encodeURIComponent(name)}`)).blob();
  return new File([blob], name, { type: blob.type });
}

function failureOf(status, body, retryAfter) {
  let said = {};
  try {
    said = JSON.parse(body) ?? {};
  } catch {
    // Not ours: a proxy in between, say. The status must do.
  }
  const seconds = Number.parseInt(retryAfter ?? "", 10);
  return new Failure(status, said.message || `The server answered with status ${status}.`, {
    retryAfter: Number.isNaN(seconds) ? null : seconds,
    refused: Array.isArray(said.refused) ? said.refused : [],
  });
}

/**
 * Ask for the answer to files, given as [{file, path}].
 *
 * `onUpload(sent, total)` counts bytes, `onProgress({stage, done, total})` is what the server tells. Rejects with a
 * Failure, or with the reason of `signal`.
 */
export function predict(files, { onUpload, onProgress, signal }) {
  const form = new FormData();
  for (const { file, path } of files) form.append("files", file, path);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
    const abort = () => request.abort();
    let read = 0;
    let scanned = 0;
    let done = false;

    const settle = (action, value) => {
      done = true;
      signal.removeEventListener("abort", abort);
      action(value);
    };
    const take = (line) => {
      const event = JSON.parse(line);
      if (event.event === "progress") onProgress(event);
      else if (event.event === "answer") settle(resolve, event);
      else if (event.event === "error") settle(reject, failureOf(event.status, line, event.retry_after));
    };
    const takeLines = (last) => {
      const text = request.responseText;
      for (let end; !done && (end = text.indexOf("\n", Math.max(read, scanned))) >= 0; read = end + 1) {
        if (end > read) take(text.slice(read, end));
      }
      scanned = text.length; // the answer is one long line: look for its end once
      if (last && !done && text.length > read) take(text.slice(read));
    };

    request.open("POST", "api/predict?stream=1");
    request.setRequestHeader("Accept", "application/x-ndjson");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onUpload(event.loaded, event.total));
    request.addEventListener("progress", () => {
      if (request.status === 200) guard(() => takeLines(false));
    });
    request.addEventListener("load", () => {
      if (done) return;
      if (request.status === 200) {
        guard(() => takeLines(true));
        if (!done) settle(reject, new Failure(0, "The connection ended before the answer had come."));
      } else {
        const retry = request.getResponseHeader("Retry-After");
        settle(reject, failureOf(request.status, request.responseText, retry));
      }
    });
    request.addEventListener("error", () => done || settle(reject, new Failure(0, UNREACHED)));
    request.addEventListener("abort", () => done || settle(reject, signal.reason));
    signal.addEventListener("abort", abort);
    request.send(form);

    function guard(action) {
      try {
        action();
      } catch (error) {
        if (!done) settle(reject, new Failure(0, `The server's answer could not be read (${error.message}).`));
      }
    }
  });
}
