// An answer, shown: the verdict first, then the slices with their masks, what was measured, and what can be saved.

import { describe, factsOf, spoken } from "./facts.js";
import { at, make, say, turnTo } from "./page.js";
import { decode, overlay } from "./pictures.js";
import * as planes from "./planes.js";
import { save, saveMask, saveMasks, saveTable } from "./save.js";
import { largestOf, Scroller } from "./scroller.js";
import { Viewer } from "./viewer.js";
import { CALLS, kindOf, percent, summarise, tally } from "./words.js";

let answer = null; // what is shown, of which study, and which of its slices
let files = [];
let study = null;
let position = 0;
let viewer;
let scroller;

/** Listen to the controls; once. */
export function startAnswer() {
  viewer = new Viewer(at("stage"), {
    canStep: (by) => Boolean(study.slices[position + by]),
    onStep: step,
    onZoom: (zoom) => (at("zoom-fit").hidden = zoom === 1),
  });
  scroller = new Scroller(at("scroller"), go);
  const clicks = {
    "zoom-in": () => viewer.zoomBy(1.5),
    "zoom-out": () => viewer.zoomBy(1 / 1.5),
    "zoom-fit": () => viewer.fit(),
    previous: () => step(-1),
    next: () => step(1),
    largest: () => go(largestOf(study.slices)),
    "save-mask": () => (study.mask_files.length > 1 ? saveMasks(study) : saveMask(study.mask_files[0])),
    "save-overlay": saveOverlay,
    "save-table": () => saveTable(answer.table),
    "planes-open": openPlanes,
  };
  for (const [id, act] of Object.entries(clicks)) at(id).addEventListener("click", act);
  at("opacity").addEventListener("input", look);
  at("mask-on").addEventListener("change", look);
  at("answer").addEventListener("keydown", press);
}

/** Show an answer; `sent` are the files that it is about, as [{file, path}]. */
export function showAnswer(given, sent) {
  answer = given;
  files = sent;
  const { studies } = answer;
  at("studies").hidden = studies.length < 2;
  at("answer").classList.toggle("several", studies.length > 1);
  at("tally").textContent = tally(studies);
  at("study-list").replaceChildren(...studies.map((one) => make("li", {}, entryOf(one))));
  const { model, seconds } = answer;
  at("made").textContent = `By ${model.name} (${model.engine})${model.training ? `, trained on ${model.training}` : ""}, in ${seconds.toFixed(1)} s.`;
  turnTo("answer");
  open(studies[0]);
  say(`${studies.length > 1 ? `${tally(studies)}. First: ` : ""}${spoken(study)}`);
  at("verdict").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** A study's entry in the list of them: its picture, name and answer. */
function entryOf(one) {
  const picture = make("img", { loading: "lazy", src: one.slices[largestOf(one.slices)].image, alt: "", width: 48, height: 48 });
  const call = make("span", { className: `call ${one.call}`, textContent: CALLS[one.call].title });
  const warned = one.warnings.length ? [make("span", { className: "warned", textContent: "warning" })] : [];
  const words = make("span", { className: "words" }, make("b", { textContent: one.name }), make("span", {}, call, ...warned));
  const button = make("button", { type: "button" }, picture, words);
  button.addEventListener("click", () => {
    open(one);
    say(spoken(one));
  });
  return button;
}

function open(one) {
  study = one;
  for (const [number, item] of [...at("study-list").children].entries()) {
    item.firstElementChild.setAttribute("aria-current", String(answer.studies[number] === one));
  }
  at("study-name").textContent = `${one.name} · ${kindOf(one)}`;
  at("verdict").textContent = CALLS[one.call].title;
  at("answer").dataset.call = one.call;
  at("summary").textContent = summarise(one);
  at("probability-of").textContent = one.slices.length > 1 ? "Probability, likeliest slice" : "Probability of tumour";
  at("probability").textContent = percent(one.tumor_probability);
  at("probability-bar").style.width = `${100 * one.tumor_probability}%`;
  list("warnings", one.warnings);
  list("remarks", one.remarks);
  scroller.load(one.slices);
  viewer.fit();
  at("largest").disabled = !one.tumor_pixels;
  const marked = one.mask_files.length > 1;
  at("save-mask").textContent = marked ? `${one.mask_files.length} masks (zip)` : "Mask";
  at("save-mask").disabled = !one.mask_files.length;
  at("mask-files").hidden = !marked;
  at("mask-files").open = false;
  at("mask-files").firstElementChild.textContent = "Each mask by itself";
  at("mask-files").lastElementChild.replaceChildren(
    ...(marked ? one.mask_files : []).map((file) => {
      const button = make("button", { type: "button", className: "link", textContent: file.name });
      button.addEventListener("click", () => saveMask(file));
      return make("li", {}, button);
    }),
  );
  at("planes-open").hidden = true;
  if (planes.pairOf(one, files)) planes.isHere().then((here) => (at("planes-open").hidden = !here || study !== one));
  go(largestOf(one.slices));
}

function list(id, sentences) {
  at(id).hidden = !sentences.length;
  at(id).replaceChildren(...sentences.map((textContent) => make("li", { textContent })));
}

/** Go to a slice of the study. */
function go(number) {
  position = number;
  const slice = study.slices[number];
  const several = study.slices.length > 1;
  scroller.set(number);
  at("previous").disabled = number === 0;
  at("next").disabled = number === study.slices.length - 1;
  at("where").textContent = `Slice ${number + 1} of ${study.slices.length}`;
  at("corner").textContent = several ? `${number + 1} / ${study.slices.length}` : "";
  at("mask-on").disabled = at("opacity").disabled = !study.tumor_pixels;
  at("facts").replaceChildren(...factsOf(study, number).flatMap(rowOf));
  const tell = (words) => study.slices[position] === slice && at("slice").setAttribute("aria-label", words);
  tell(describe(study, number));
  viewer.show(slice, study.spacing_mm).then(
    (picture) => picture?.middle && tell(describe(study, number, picture.middle)),
    () => tell("This slice's picture could not be read."),
  );
  for (const near of [number - 1, number + 1]) if (study.slices[near]) decode(study.slices[near]).catch(() => {}); // said when it is shown
}

function rowOf([name, value, note]) {
  const detail = make("dd", {}, make("span", { textContent: value }));
  if (note) detail.append(make("small", { textContent: note }));
  return [make("dt", { textContent: name }), detail];
}

/** Go to the next slice, or to the one before. */
function step(by) {
  if (study.slices[position + by]) go(position + by);
}

function look() {
  viewer.masked = at("mask-on").checked;
  viewer.opacity = at("opacity").valueAsNumber / 100;
  viewer.draw();
}

async function saveOverlay() {
  const slice = study.slices[position];
  const name = slice.name.split("/").at(-1).replace(/\.(tiff?|png|jpe?g|bmp|dcm)$/i, "");
  save(await overlay(slice, study.spacing_mm, viewer.opacity), `${name}_overlay.png`);
}

async function openPlanes() {
  const dialog = at("planes");
  const canvas = make("canvas", { className: "planes" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${study.name} in three planes, with its mask`);
  dialog.querySelector(".planes-stage").replaceChildren(canvas); // NiiVue can't be taken off a canvas
  delete dialog.dataset.shown;
  dialog.showModal();
  try {
    await planes.open(canvas, planes.pairOf(study, files), Math.max(0.3, viewer.opacity));
    dialog.dataset.shown = study.name;
  } catch (error) {
    at("planes-text").textContent = `The three planes can't be shown here: ${error.message}`;
  }
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("answer").hidden) return;
  const slides = event.target.matches("input[type=range]"); // has keys of its own
  const study_ = answer.studies.indexOf(study);
  const keys = {
    ArrowLeft: () => !slides && step(-1),
    ArrowRight: () => !slides && step(1),
    Home: () => !slides && go(0),
    End: () => !slides && go(study.slices.length - 1),
    l: () => go(largestOf(study.slices)),
    m: () => at("mask-on").click(),
    "[": () => fade(-10),
    "]": () => fade(10),
    "+": () => viewer.zoomBy(1.5),
    "=": () => viewer.zoomBy(1.5),
    "-": () => viewer.zoomBy(1 / 1.5),
    0: () => viewer.fit(),
    n: () => turn(study_ + 1),
    p: () => turn(study_ - 1),
  };
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act && act() !== false) event.preventDefault();
}

function fade(by) {
  at("opacity").valueAsNumber += by;
  look();
}

function turn(number) {
  if (!answer.studies[number]) return;
  open(answer.studies[number]);
  say(spoken(study));
}
