// Adds a passkey, signs in with it and removes it, in Chromium with a virtual authenticator (Chrome DevTools Protocol).
//
//   node passkey.mjs MODULES SERVER LOGIN PASSWORD
//
// MODULES is the folder in which npm installed `puppeteer-core`. SERVER has a name: http://localhost:PORT. Prints one line of
// JSON: what is seen on the way.
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, server, login, password] = process.argv.slice(2);
const puppeteer = createRequire(join(modules, "x.js"))("puppeteer-core");
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  const violations = [];
  page.on("console", message => message.text().includes("Content Security Policy") && violations.push(message.text()));
  const devtools = await page.createCDPSession();
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true },
  });
  const verified = isUserVerified => devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
  const press = selector => Promise.all([page.waitForNavigation(), page.click(selector)]);
  const path = () => new URL(page.url()).pathname;
  const text = selector => page.$eval(selector, one => one.textContent);
  const show = "form[data-passkey=show] button";

  await page.goto(`${server}/sign-in`);
  await page.type("#login", login);
  await page.type("#password", password);
  await press("form[action='/sign-in'] button");
  await page.goto(`${server}/account/passkeys`);
  await page.type("#name", "Laptop <b>");
  await page.type("#present", password);
  await press("form[data-passkey=add] button");
  const listed = await text("main li strong");
  const { credentials } = await devtools.send("WebAuthn.getCredentials", { authenticatorId });

  await press("header button");
  await press(show);
  const entered = path();
  await page.goto(`${server}/account/passkeys`);
  const used = (await text("main li")).includes("used on");

  // A device that does not know who holds it.
  await press("header button");
  await verified(false);
  await page.click(show);
  await page.waitForFunction(() => document.querySelector("form[data-passkey=show] [role=alert]")?.textContent);
  const unverified = path();
  await verified(true);
  await page.goto(`${server}/sign-in`);
  await press(show);

  await page.goto(`${server}/account/passkeys`);
  await press("form[action='/account/passkeys/remove'] button");
  const left = (await page.$$("main li")).length;
  await press("header button");
  await press(show);
  const refused = await text("[role=alert]:not([hidden])");
  const resident = credentials.map(one => one.isResidentCredential);
  console.log(JSON.stringify({ listed, resident, entered, used, unverified, left, end: path(), refused, violations }));
} finally {
  await browser.close();
}
