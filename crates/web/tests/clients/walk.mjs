// Walks through the pages of people in Chromium, as they do, with JavaScript switched off: a physician reads a chart and breaks
// the glass, a patient sees who looked, raises a concern, gives and withdraws a consent, a privacy officer reviews.
//
//   node walk.mjs MODULES SERVER PHYSICIAN OFFICER PASSWORD [SHOTS]
//
// MODULES is the folder in which npm installed `puppeteer-core`. Where the server is a demo, one click signs in. With SHOTS, a
// folder, each page is kept there as a picture: wide and light, narrow and dark. Prints one line of JSON.
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, server, physician, officer, password, shots] = process.argv.slice(2);
const puppeteer = createRequire(join(modules, "x.js"))("puppeteer-core");
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const told = { pages: 0, violations: [], overflowing: [] };

let page;
const text = () => page.$eval("main", main => main.innerText);
const expect = async words => {
  const said = await text();
  if (!said.includes(words)) throw new Error(`${page.url()}: "${words}" is missing in: ${said}`);
};
const look = async () => {
  told.pages += 1;
  const name = new URL(page.url()).pathname.slice(1).replaceAll("/", "-") || "front";
  for (const [size, scheme] of [[{ width: 1200, height: 800 }, "light"], [{ width: 360, height: 740 }, "dark"]]) {
    await page.setViewport(size);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    if (shots) await page.screenshot({ path: join(shots, `${told.pages}-${name}-${scheme}.png`), fullPage: true });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 1) told.overflowing.push(`${name} ${size.width}`);
  }
};
const go = async path => {
  const answer = await page.goto(server + path);
  if (answer.status() !== 200) throw new Error(`${path}: ${answer.status()}`);
  await look();
};
const press = async selector => {
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
  await look();
};
const signIn = async who => {
  const context = await browser.createBrowserContext();
  page = await context.newPage();
  await page.setJavaScriptEnabled(false);
  page.on("console", message => message.text().includes("Content Security Policy") && told.violations.push(message.text()));
  await page.goto(`${server}/sign-in`);
  if (await page.$(`button[name=as][value=${who}]`)) return press(`button[name=as][value=${who}]`);
  await page.type("#login", who);
  await page.type("#password", password);
  await press("form:last-of-type button");
};

try {
  await signIn(physician);
  await expect("You are here as physician");
  await go("/patients?all=yes");
  await press("a[href='/patient?id=zoe']");
  await press("td a");
  await press("a[href^='/why?']");
  await expect("You may see it");
  await go("/break-glass");
  await page.type("#number", "nobody's");
  await page.type("#reason", "brought in unconscious");
  await press("main form button");
  await expect("Nobody fits exactly");

  await signIn("zoe");
  await go("/patient");
  await go("/looked");
  await press("td > a[href^='/concern?']");
  await page.type("#text", "I do not know this person.");
  await press("main form button");
  await expect("waiting");
  await go("/consents/give");
  await page.click("input[name=effect][value=deny]");
  await page.select("#who", "Practitioner/kim");
  await press("button[value=preview]");
  await expect("may not see the record");
  await expect("sees nothing");
  await press("button[value=give]");
  await expect("Withdraw it now");
  await press("form[action='/consents/withdraw'] button");
  await expect("withdrawn or not in force");

  await signIn(officer);
  await go("/concerns");
  await page.type("textarea", "She stood in for your physician.");
  await press("button[value=close]");
  await expect("closed");
  await go("/unusual");
  await go("/glass");
  await go("/audit");
  await go("/policies");
  await press("form[action='/policies'] button");
  await expect("This edit changes who may do what");
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}
