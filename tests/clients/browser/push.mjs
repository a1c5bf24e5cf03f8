// A real browser becomes a device of a contact, gets a notification, and shows it; and a second implementation decrypts one.
//
//     node push.mjs ../../../.fanfare/endpoints.json PATH_OF_FANFARE [PYTHON]
//
// The page and its service worker are the sandbox's. Where the browser's own push service can't be reached, the worker fetches the encrypted
// message from the sandbox and decrypts it with WebCrypto. PYTHON is one that has http_ece; without it that check is left out.

import { execFileSync } from "node:child_process";
import { createECDH, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TIMEOUT_MS = 60_000;
const SENDER = "Website (sandbox)";
const TEMPLATE = "Push to a browser";
const TITLE = "Spring sale";

const [file, fanfare, python] = process.argv.slice(2);
if (!file || !fanfare) {
  console.error("usage: node push.mjs ENDPOINTS_FILE PATH_OF_FANFARE [PYTHON]");
  process.exit(2);
}
const endpoints = JSON.parse(readFileSync(file, "utf8"));
const folder = mkdtempSync(join(tmpdir(), "fanfare-push-"));
const counts = { passed: 0, failed: 0 };

function report(name, failure) {
  counts[failure ? "failed" : "passed"]++;
  console.log(failure ? `FAIL  ${name}: ${failure}` : `ok    ${name}`);
}

/** What the command line answers, as JSON; one object a line becomes a list. */
function hub(...args) {
  const env = { ...process.env, FANFARE_ENDPOINTS: file };
  const text = execFileSync(fanfare, [...args, "--json"], { env, encoding: "utf8", timeout: TIMEOUT_MS }).trim();
  try {
    return JSON.parse(text);
  } catch {
    return text.split("\n").map((line) => JSON.parse(line));
  }
}

const one = (answer) => (Array.isArray(answer) ? answer[0] : answer);

function written(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A contact of its own, and a template for it. */
function prepare() {
  const email = `push-${randomBytes(6).toString("hex")}@example.com`;
  hub("contacts", "import", written("contact.csv", `email,name\n${email},Ann\n`));
  const contact = one(hub("contacts", "list", "--search", email)).id;
  const name = `${TEMPLATE} ${email}`;
  const content = { push: { title: TITLE, body: "20% off, {{ first_name }}", link: "https://shop.example/offers" } };
  hub("template", "create", written("template.json", JSON.stringify({ name, content })));
  return { contact, template: name };
}

const send = ({ contact, template }) =>
  hub("template", "test", template, "--channel", "push", "--sender", SENDER, "--to", contact, "--contact", contact);

async function aRealBrowser(browser) {
  const person = prepare();
  const link = one(hub("device", "link", person.contact, SENDER));
  const context = await browser.newContext();
  await context.grantPermissions(["notifications"], { origin: endpoints.sandbox });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  await page.goto(`${endpoints.sandbox}/push/#register=${encodeURIComponent(link.url)}`);
  await page.click("#subscribe");
  await page.waitForFunction(() => /^(subscribed|not subscribed:)/.test(document.getElementById("state").textContent));
  const state = await page.textContent("#state");
  report("a browser subscribes and registers itself by its link", state === "subscribed and registered" ? null : state);
  // The registration takes effect within moments.
  for (const end = Date.now() + TIMEOUT_MS; Date.now() < end && hub("device", "list", "--contact", person.contact).length === 0; );
  send(person);
  await page.waitForFunction(() => document.getElementById("payload").textContent.startsWith("{"));
  const payload = JSON.parse(await page.textContent("#payload"));
  report("its service worker reads the notification", payload.title === TITLE && payload.body === "20% off, Ann" ? null : JSON.stringify(payload));
  const shown = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).map((notification) => notification.title);
  });
  report("and shows it", shown.includes(TITLE) ? null : `shown: ${shown.join(", ") || "nothing"}`);
  await context.close();
}

/** A subscription whose keys are kept here; http_ece (PyPI) reads what comes. */
async function anotherImplementation() {
  const person = prepare();
  const keys = createECDH("prime256v1");
  keys.generateKeys();
  const auth = randomBytes(16);
  const { id, endpoint } = await (await fetch(`${endpoints.sandbox}/push/subscriptions`, { method: "POST" })).json();
  const subscription = { endpoint, keys: { p256dh: keys.getPublicKey("base64url"), auth: auth.toString("base64url") } };
  hub("device", "register", person.contact, SENDER, "--subscription", written("subscription.json", JSON.stringify(subscription)));
  send(person);
  const { messages } = await (await fetch(`${endpoints.sandbox}/push/subscriptions/${id}`)).json();
  const input = { body: messages[0].body, private_key: keys.getPrivateKey("base64"), auth: auth.toString("base64") };
  const script = fileURLToPath(new URL("../decrypt.py", import.meta.url));
  const payload = JSON.parse(execFileSync(python, [script], { input: JSON.stringify(input), encoding: "utf8" }));
  report("http_ece decrypts the same message", payload.title === TITLE ? null : JSON.stringify(payload));
}

const executablePath = process.env.FANFARE_CHROMIUM ?? BROWSERS.find((path) => existsSync(path));
if (!executablePath) {
  console.error("no Chromium found: install your system's package chromium, or name one with FANFARE_CHROMIUM");
  process.exit(2);
}
const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
try {
  await aRealBrowser(browser);
  if (python) await anotherImplementation();
} catch (error) {
  report("the run itself", `${error}`);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed ? 1 : 0);
