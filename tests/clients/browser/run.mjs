// Bundles the page, serves it from an origin that the hub allows and from one that it doesn't, and opens both in Chromium.
//
//     node run.mjs ../../../.fanfare/endpoints.json
//
// FANFARE_CHROMIUM names the browser, FANFARE_ORIGIN the allowed origin (default: that of `make up`, http://localhost:5173).

import { build } from "esbuild";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const ORIGIN = new URL(process.env.FANFARE_ORIGIN ?? "http://localhost:5173");
const TIMEOUT_MS = 90_000;

const [file] = process.argv.slice(2);
if (!file) {
  console.error("usage: node run.mjs ENDPOINTS_FILE");
  process.exit(2);
}
const endpoints = JSON.parse(readFileSync(file, "utf8"));
const counts = { passed: 0, failed: 0 };

function report(name, failure) {
  counts[failure ? "failed" : "passed"]++;
  console.log(failure ? `FAIL  ${name}: ${failure}` : `ok    ${name}`);
}

async function bundle() {
  const entry = fileURLToPath(new URL("src/page.js", import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "iife", write: false });
  return `<!doctype html><meta charset="utf-8"><title>Fanfare</title><script>${outputFiles[0].text.replaceAll("</script", "<\\/script")}</script>`;
}

async function serve(html, hostname, port) {
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html));
  await new Promise((ready, failed) => server.once("error", failed).listen(port, hostname, ready));
  return server;
}

/** A page at `url`, with the preflights that it causes. */
async function open(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  const devtools = await page.context().newCDPSession(page);
  const preflights = [];
  await devtools.send("Network.enable");
  devtools.on("Network.requestWillBeSent", ({ request }) => request.method === "OPTIONS" && preflights.push(request.url));
  await page.goto(url);
  return { page, preflights };
}

async function allowed(browser, html) {
  const server = await serve(html, ORIGIN.hostname, Number(ORIGIN.port));
  try {
    const { page, preflights } = await open(browser, ORIGIN.href);
    const results = await page.evaluate((hub) => window.runTests(hub), endpoints);
    results.forEach(({ name, failure }) => report(name, failure));
    for (const [name, base] of [["campaign-api", endpoints.campaign_api], ["analytics", endpoints.analytics]]) {
      const asked = preflights.some((url) => url.startsWith(base));
      report(`the browser asked ${name} first (preflight)`, asked ? null : `preflights: ${preflights.join(", ") || "none"}`);
    }
  } finally {
    server.close();
  }
}

/** The origin that the hub allows when a page of `origin` asks first. */
async function allowedOrigin(origin) {
  const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type,x-grpc-web" };
  const url = `${endpoints.campaign_api}/fanfare.workspace.v1.WorkspaceService/GetWorkspace`;
  return (await fetch(url, { method: "OPTIONS", headers })).headers.get("access-control-allow-origin");
}

async function disallowed(browser, html) {
  const server = await serve(html, "127.0.0.1", 0);
  try {
    const { page } = await open(browser, `http://127.0.0.1:${server.address().port}`);
    const outcome = await page.evaluate((hub) => window.tryCall(hub), endpoints);
    report("a page of another origin gets no answer", outcome.startsWith("refused") ? null : outcome);
    const [ours, theirs] = await Promise.all([ORIGIN.origin, `http://127.0.0.1:${server.address().port}`].map(allowedOrigin));
    report("and that for its origin alone", ours === ORIGIN.origin && !theirs ? null : `allowed: ${ours}, ${theirs}`);
  } finally {
    server.close();
  }
}

const executablePath = process.env.FANFARE_CHROMIUM ?? BROWSERS.find((path) => existsSync(path));
if (!executablePath) {
  console.error("no Chromium found: install your system's package chromium, or name one with FANFARE_CHROMIUM");
  process.exit(2);
}
const html = await bundle();
const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
try {
  await allowed(browser, html);
  await disallowed(browser, html);
} catch (error) {
  report("the run itself", `${error}`);
} finally {
  await browser.close();
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed ? 1 : 0);
