// Looks at the pages of people with axe-core (Deque), unmodified, in Chromium: each page, light and dark, at three widths.
//
//   node axe.mjs MODULES SERVER PASSWORD PAGES
//
// MODULES is the folder in which npm installed `axe-core` and `puppeteer-core`. PAGES has one a line: a login (`-`: nobody is
// signed in), a blank, a path. Prints one line of JSON: how many looks, how many pages were refused, and what is wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, server, password, pages] = process.argv.slice(2);
const require = createRequire(join(modules, "x.js"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const told = { looks: 0, refused: 0, wrong: [] };

const LOOKS = [[1280, "light"], [1280, "dark"], [768, "light"], [768, "dark"], [390, "light"], [390, "dark"]];

const signIn = async login => {
  const page = await (await browser.createBrowserContext()).newPage();
  if (login !== "-") {
    await page.goto(`${server}/sign-in`);
    await page.type("#login", login);
    await page.type("#password", password);
    await Promise.all([page.waitForNavigation(), page.click("form:last-of-type button")]);
  }
  return page;
};

const look = async (page, login, path) => {
  const answer = await page.goto(server + path);
  told.refused += answer.status() !== 200;
  await page.evaluate(axe);
  for (const [width, scheme] of LOOKS) {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    const violations = await page.evaluate(async () => {
      const { violations } = await axe.run(document, { resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | ")}`);
    });
    told.looks += 1;
    told.wrong.push(...violations.map(words => `${login} ${path} ${width} ${scheme}: ${words}`));
  }
};

try {
  const wanted = new Map();
  for (const line of pages.split("\n").filter(line => line)) {
    const [login, path] = line.split(" ");
    wanted.set(login, [...(wanted.get(login) ?? []), path]);
  }
  await Promise.all([...wanted].map(async ([login, paths]) => {
    const page = await signIn(login);
    for (const path of paths) await look(page, login, path);
  }));
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}
