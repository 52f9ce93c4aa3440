// Takes the pictures of docs/dashboard.md from a server that is up, and says what its pages asked of other machines:
//   npm install playwright-core && node docs/dashboard/shoot.mjs http://127.0.0.1:4200 FOLDER
// CHROMIUM names the browser. The newest completed run of train whose result was made by an earlier one is shown.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";

const { chromium } = createRequire(join(process.cwd(), "x.js"))("playwright-core");
const [server, folder] = process.argv.slice(2);
const ask = async (path, body) => {
  const token = await (await fetch(`${server}/api/csrf-token?client=shoot`)).json();
  const headers = { "content-type": "application/json", "prefect-csrf-token": token.token, "prefect-csrf-client": "shoot" };
  return (await fetch(`${server}/api/${path}`, { method: "POST", headers, body: JSON.stringify(body) })).json();
};
const [deployment] = await ask("deployments/filter", { deployments: { name: { any_: ["train"] } } });
const of = { flow_runs: { deployment_id: { any_: [deployment.id] }, state: { type: { any_: ["COMPLETED"] } } } };
const runs = await ask("flow_runs/filter", { ...of, sort: "START_TIME_DESC" });
const run = runs[0];

const browser = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "shoot-")), {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
  viewport: { width: 1280, height: 860 },
});
const page = browser.pages()[0] ?? (await browser.newPage());
const outside = new Set();
page.on("request", (request) => {
  const address = new URL(request.url());
  if (/^(http|ws)/.test(address.protocol) && address.host !== new URL(server).host) outside.add(address.href);
});
const open = async (path) => {
  await page.goto(`${server}/${path}`, { waitUntil: "load" });
  await page.waitForTimeout(4000); // charts and the graph draw themselves
};
const shoot = (name, options = {}) => page.screenshot({ path: join(folder, `${name}.png`), ...options });

const tab = async (name) => {
  await page.locator(".p-tab", { hasText: name }).click();
  await page.waitForTimeout(2500);
};

await page.setViewportSize({ width: 1280, height: 1150 });
await open("runs");
await shoot("runs");
await page.setViewportSize({ width: 1280, height: 820 });
await open(`deployments/deployment/${deployment.id}`);
await shoot("deployment");
await open(`deployments/deployment/${deployment.id}/run`);
await shoot("form", { clip: { x: 256, y: 0, width: 1024, height: 820 } });
await open(`runs/flow-run/${run.id}`);
await page.getByLabel("Run Graph Options").click();
await page.getByText("Dependency grid").click();
await page.getByText("Hide artifacts").click();
await page.getByText("Hide events").click();
await page.keyboard.press("Escape");
await page.mouse.click(700, 20); // closes the options
await page.getByTitle("Recenter graph (c)").click();
await tab("Task Runs");
await page.setViewportSize({ width: 1280, height: 1590 });
await page.waitForTimeout(2500);
await shoot("graph", { clip: { x: 256, y: 0, width: 1024, height: 1590 } });
await tab("Artifacts");
await shoot("artifacts", { clip: { x: 256, y: 500, width: 1024, height: 740 } });
const [report] = await ask("artifacts/filter", { artifacts: { flow_run_id: { any_: [run.id] }, key: { any_: ["report"] } } });
await page.setViewportSize({ width: 1280, height: 860 });
await open(`artifacts/artifact/${report.id}`);
await shoot("report", { clip: { x: 256, y: 112, width: 742, height: 720 } }); // without the report's path on this machine
await browser.close();
process.stdout.write(outside.size ? `Asked of other machines:\n${[...outside].join("\n")}\n` : "Nothing was asked of other machines.\n");
