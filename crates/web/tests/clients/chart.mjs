// Walks through the pages of a demo patient's chart in Chromium as a physician, with JavaScript switched off: each says whose it
// is, none is wider than its window, none asks for anything elsewhere, and on paper each sheet begins with the name.
//
//   node chart.mjs MODULES SERVER
//
// MODULES is the folder in which npm installed `puppeteer-core`. Prints one line of JSON.
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, server] = process.argv.slice(2);
const puppeteer = createRequire(join(modules, "x.js"))("puppeteer-core");
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const told = { pages: 0, violations: [], overflowing: [], foreign: [] };
const NAME = "Zoë O'Null <b>Ltd</b> =1+1";

try {
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  page.on("console", message => message.text().includes("Content Security Policy") && told.violations.push(message.text()));
  // Chromium draws the field for a day with pictures of its own.
  const isOwn = url => url.startsWith(`${server}/`) || url.startsWith("data:");
  page.on("request", request => isOwn(request.url()) || told.foreign.push(request.url()));
  const look = async () => {
    told.pages += 1;
    for (const width of [1200, 768, 320]) {
      await page.setViewport({ width, height: 800 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 1) told.overflowing.push(`${page.url()} ${width}`);
    }
    const name = await page.$eval(".who h1", title => title.innerText);
    if (name !== NAME) throw new Error(`${page.url()}: ${name}`);
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

  await page.goto(`${server}/sign-in`);
  await Promise.all([page.waitForNavigation(), page.click("button[name=as][value=kim]")]);
  await page.goto(`${server}/patients`);
  await page.type("#q", "28 feb 61 onull zoe");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await press("main td a");
  for (const tab of ["timeline", "encounters", "medications", "results", "documents", "entries"]) {
    await press(`nav[aria-label=Chart] a[href^='/patient/${tab}']`);
    if (tab === "results") {
      await press("a[href^='/patient/trend']");
      await page.$eval(".graph svg polyline", line => line.getAttribute("points"));
    }
    if (tab === "documents") await press("td a[href^='/document?']");
  }
  await go("/entry?about=AllergyIntolerance/zoe-3");
  await press("a[href^='/entry/versions']");
  await go("/patient?id=zoe");
  await page.type("#asof", "01012001");
  await press(".asof button");
  await page.$eval(".past", strip => strip.innerText.includes("The past."));
  await press(".past a");
  const paper = await page.pdf({ format: "Letter" });
  told.paper = paper.length;
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}
