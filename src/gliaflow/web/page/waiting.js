// While an answer is on its way: what is shown, and what is asked again.

import { setToken } from "./api.js";
import { askToken } from "./dialogs.js";
import { at, say } from "./page.js";
import { plural, size } from "./words.js";

const TIMES = 10; // that a busy server is asked again by itself, within a minute and a half at least
const LONGER = 2; // seconds that each wait is longer than the one before
const WAIT = 5; // seconds, where it doesn't say

/** Why something was given up: a person wanted it. */
export class Cancelled extends Error {}

/** Ask until there is an answer: again after a while where the server is busy, with a token where it wants one. */
export async function patiently(ask, signal) {
  let wrong = false;
  for (let time = 0; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (error.status === 503 && time < TIMES) {
        time += 1;
        await countDown(Math.max(error.retryAfter ?? WAIT, LONGER * (time - 1)), signal);
      } else if (error.status === 401) {
        const token = await askToken(wrong);
        if (token === null || signal?.aborted) throw error;
        setToken(token);
        wrong = true;
      } else {
        throw error;
      }
    }
  }
}

async function countDown(seconds, signal) {
  progress("The server is busy", null, "");
  for (let left = Math.max(1, seconds); left > 0; left--) {
    at("work-detail").textContent = `Trying again in ${left} s.`;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (signal?.aborted) throw signal.reason;
  }
}

/** Show how much of the files has gone to the server, in bytes. */
export function onUpload(sent, total) {
  if (sent < total) progress("Uploading", sent / total, `${size(sent)} of ${size(total)}`);
  else progress("Waiting for the server", null, `${size(total)} sent`);
}

/** Show what the server tells of its work. */
export function onProgress({ stage, done, total }) {
  const title = { reading: "Reading", predicting: "Looking for tumour" }[stage] ?? "Working";
  const counted = stage === "reading" ? `${done} of ${plural(total, "file")}` : `${Math.round((100 * done) / total)} %`;
  progress(title, total ? done / total : null, total ? counted : "");
}

function progress(title, share, detail) {
  if (at("work-title").textContent !== title) say(title);
  at("work-title").textContent = title;
  at("work-detail").textContent = detail;
  if (share === null) at("bar").removeAttribute("value");
  else at("bar").value = share;
}
