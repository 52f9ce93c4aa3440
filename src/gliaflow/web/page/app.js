// The page: files are chosen, sent, and answered; what goes wrong is said, with what can be done.

import { showAnswer, startAnswer } from "./answer.js";
import { Failure, getModel, getSample, getSamples, predict } from "./api.js";
import { showModel, startDialogs } from "./dialogs.js";
import { chosen, dropped } from "./drop.js";
import { at, make, say, showRefused, turnTo } from "./page.js";
import * as planes from "./planes.js";
import { Cancelled, onProgress, onUpload, patiently } from "./waiting.js";
import { plural, size } from "./words.js";

let limits = null;
let again = () => {}; // what was tried last, for another try
let cancel = new AbortController();

/** Send files and show what comes of it. */
async function send(files) {
  if (!files.length) return;
  cancel.abort(new Cancelled()); // of what is still on its way
  cancel = new AbortController();
  const { signal } = cancel;
  again = () => send(files);
  showRefused([], true);
  turnTo("work");
  at("cancel").focus();
  try {
    const excess = tooMuch(files);
    if (excess) throw new Failure(413, excess);
    const answer = await patiently(() => predict(files, { onUpload, onProgress, signal }), signal);
    if (signal.aborted) return;
    const none = !answer.studies.length;
    showRefused(answer.refused, !none);
    if (none) throw new Failure(422, "None of the files could be used.", { refused: answer.refused });
    showAnswer(answer, files);
  } catch (error) {
    if (error instanceof Cancelled || signal.aborted) return;
    fail(error);
  }
}

/** What this server would refuse for its size, said before it is sent; null where it would not. */
function tooMuch(files) {
  if (!limits) return null;
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const large = files.find(({ file }) => file.size > limits.file_bytes);
  if (files.length > limits.files) return `${plural(files.length, "file")} are more than this server takes at once: ${limits.files}.`;
  if (large) return `${large.path} has ${size(large.file.size)}; this server takes files of up to ${size(limits.file_bytes)}.`;
  if (total > limits.total_bytes) return `The files have ${size(total)}; this server takes up to ${size(limits.total_bytes)} at once.`;
  return null;
}

const TITLES = {
  0: "No connection",
  400: "The files could not be sent",
  401: "A token is needed",
  413: "That is too much at once",
  415: "Not a kind of file that can be read",
  422: "None of the files could be used",
  503: "The server is busy",
  504: "That took too long",
};

function fail(error) {
  const known = error instanceof Failure;
  const said = known ? error.refused : [];
  const once = said.length === 1 && said[0].message === error.message;
  showRefused(once ? [] : said, false);
  turnTo("failure");
  at("failure-title").textContent = TITLES[known ? error.status : -1] ?? "Something went wrong";
  at("failure-text").textContent = !known ? String(error) : once ? `${said[0].name}: ${error.message}` : error.message;
  at("failure-text").hidden = error.status === 422 && said.length > 1; // the list says it
  at("again").hidden = [413, 415, 422].includes(error.status); // the same would come of it
  at("failure-title").focus();
  say(`${at("failure-title").textContent}. ${at("failure-text").textContent}`);
}

/** Back to the beginning. */
function startOver() {
  cancel.abort(new Cancelled());
  showRefused([], true);
  turnTo("choose");
  say("");
  at("pick").focus();
}

function startChoosing() {
  for (const [button, input] of [["pick", "files"], ["pick-folder", "folder"]]) {
    at(button).addEventListener("click", () => at(input).click());
    at(input).addEventListener("change", () => {
      const files = chosen(at(input));
      at(input).value = ""; // so that the same can be chosen again
      send(files);
    });
  }
  // Dropping works everywhere on the page, on an answer too.
  let depth = 0;
  const mark = (change) => {
    depth = change === null ? 0 : depth + change;
    document.body.classList.toggle("over", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    mark(null);
    try {
      send(await dropped(event.dataTransfer));
    } catch (error) {
      fail(new Failure(400, `What was dropped could not be read: ${error.message}`));
    }
  });
}

function showSamples(samples) {
  at("samples").hidden = !samples.length;
  at("sample-list").replaceChildren(
    ...samples.map(({ name, about }) => {
      const picture = make("img", { src: `static/samples/small/${name.split(".")[0]}.jpg`, alt: "", width: 96, height: 96 });
      picture.addEventListener("error", () => picture.remove());
      const words = make("span", { className: "words" }, make("b", { textContent: about }), make("span", { className: "soft", textContent: kindOf(name) }));
      const button = make("button", { type: "button", className: "sample" }, picture, words);
      button.addEventListener("click", () => trySample(name));
      return make("li", {}, button);
    }),
  );
}

const kindOf = (name) => (/\.nii(\.gz)?$/.test(name) ? "NIfTI volume" : `${name.split(".").at(-1).toUpperCase().replace("TIF", "TIFF")} slice`);

async function trySample(name) {
  again = () => trySample(name);
  try {
    send([{ file: await patiently(() => getSample(name)), path: name }]);
  } catch (error) {
    fail(error);
  }
}

function start() {
  startDialogs();
  startAnswer();
  startChoosing();
  at("cancel").addEventListener("click", startOver);
  at("again").addEventListener("click", () => again());
  at("start-over").addEventListener("click", startOver);
  at("new").addEventListener("click", startOver);
  greet();
}

/** Learn of the model and the samples. Files can be chosen meanwhile; what fails here will fail, and be said, there. */
async function greet() {
  try {
    const model = await patiently(getModel);
    limits = model.limits;
    planes.tellPresent(model.niivue);
    showModel(model);
    at("formats").textContent = `${model.formats.join(", ")} · up to ${size(limits.file_bytes)} a file, ${limits.files} files at once`;
    showSamples(await getSamples());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

start();
