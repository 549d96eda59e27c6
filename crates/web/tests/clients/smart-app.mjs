// Drives an app made with the unmodified library `fhirclient` in Chromium: opened by itself, and from a chart.
//
//   node smart-app.mjs MODULES SERVER PORT LOGIN PASSWORD
//
// MODULES is the folder in which npm installed `fhirclient` and `puppeteer-core`. The app's pages are served on
// localhost:PORT, another site than the server on 127.0.0.1. Prints one line of JSON a launch.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [modules, server, port, login, password] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const puppeteer = createRequire(join(modules, "x.js"))("puppeteer-core");

const files = {
  "/launch.html": join(here, "launch.html"),
  "/index.html": join(here, "index.html"),
  "/fhir-client.js": join(modules, "node_modules/fhirclient/build/fhir-client.js"),
};

const app = createServer(async (request, response) => {
  const path = new URL(request.url, "http://localhost").pathname;
  const body = files[path] ? await readFile(files[path]) : undefined;
  response.writeHead(body ? 200 : 404, { "content-type": path.endsWith(".js") ? "text/javascript" : "text/html" });
  response.end(body);
});
await new Promise(done => app.listen(Number(port), "localhost", done));

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  const violations = [];
  page.on("console", message => message.text().includes("Content Security Policy") && violations.push(message.text()));

  const agree = async () => {
    await page.waitForSelector("button[value=allow]");
    const people = await page.$$("input[name=patient]");
    if (people.length > 0) await people[0].click();
    await Promise.all([page.waitForNavigation(), page.click("button[value=allow]")]);
    await page.waitForFunction(() => document.getElementById("result")?.textContent);
    const told = JSON.parse(await page.$eval("#result", result => result.textContent));
    console.log(JSON.stringify({ ...told, violations }));
  };

  await page.goto(`http://localhost:${port}/launch.html?iss=${encodeURIComponent(server + "/fhir")}`);
  await page.waitForSelector("#login");
  await page.type("#login", login);
  await page.type("#password", password);
  await Promise.all([page.waitForNavigation(), page.click("form:last-of-type button")]);
  await agree();

  await page.goto(`${server}/smart/launch?patient=zoe&encounter=enc-zoe`);
  await Promise.all([page.waitForNavigation(), page.click("button[value=growth]")]);
  await agree();
} finally {
  await browser.close();
  app.close();
}
