// Signs people in with a real OpenID provider, the unmodified npm package `oidc-provider`, in Chromium.
//
//   node openid.mjs MODULES SERVER PORT PERSON...
//
// MODULES is the folder in which npm installed `oidc-provider` and `puppeteer-core`. The provider answers on 127.0.0.1:PORT,
// where any name is a person's. Prints one line of JSON a person: where they end up, what they see
// there, and whether they are asked again when they come back later than `max_age`.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, server, port, ...people] = process.argv.slice(2);
const require = createRequire(join(modules, "x.js"));
const puppeteer = require("puppeteer-core");
const { default: Provider } = await import(pathToFileURL(join(modules, "node_modules/oidc-provider/lib/index.js")));

// Its notices go to standard output, where the test reads.
console.info = () => {};

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "chartroom",
    client_secret: "s3cret",
    redirect_uris: [`${server}/sign-in/callback/hospital`],
  }],
  cookies: { keys: ["only for a test"] },
  claims: { openid: ["sub", "groups"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups: ["doctors"] }) }),
});
const listening = provider.listen(Number(port), "127.0.0.1");

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const person of people) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const violations = [];
    page.on("console", message => message.text().includes("Content Security Policy") && violations.push(message.text()));

    // Pages lead on by themselves, to other sites too, and may go away while they are looked at: then the next is.
    const done = async (deed, ...given) => {
      for (const end = Date.now() + 30_000; Date.now() < end; await new Promise(later => setTimeout(later, 50))) {
        const told = await page.evaluate(deed, ...given).catch(() => undefined);
        if (told) return told;
      }
      throw new Error(`nothing came of it at ${page.url()}: ${deed}`);
    };
    const press = selector => done(selector => {
      const button = document.querySelector(selector);
      if (button) setTimeout(() => button.click());
      return button !== null;
    }, selector);

    await page.goto(`${server}/account`);
    await press("button[name=provider]");
    await done(person => {
      const [login, password] = ["login", "password"].map(name => document.querySelector(`input[name=${name}]`));
      // Ours has a page with these fields, too.
      if (!login || location.pathname === "/sign-in") return false;
      [login.value, password.value] = [person, "any"];
      setTimeout(() => document.querySelector("button[type=submit]").click());
      return true;
    }, person);
    // The provider's own page, on which the person agrees.
    await done(() => document.querySelector("input[name=prompt][value=consent]") !== null);
    await press("button[type=submit]");
    const told = await done(() => document.querySelector("form[action='/sign-out'], [role=alert]") && {
      path: location.pathname, title: document.querySelector("h1").textContent,
      alert: document.querySelector("[role=alert]")?.textContent ?? "",
    });
    await page.goto(`${server}/account`);
    const after = new URL(page.url()).pathname;

    // Who signed in there longer ago than max_age is asked there again, though the provider still knows them.
    let again = "";
    if (await page.$("form[action='/sign-out']")) {
      await new Promise(later => setTimeout(later, 2_500));
      await press("form[action='/sign-out'] button");
      await done(() => !document.querySelector("form[action='/sign-out']"));
      await page.goto(`${server}/account`);
      await press("button[name=provider]");
      // Pages of ours stand between: only these two ends count.
      again = await done(() => {
        if (document.querySelector("form[action='/sign-out'], [role=alert]")) return "let in";
        return !location.pathname.startsWith("/sign-in") && document.querySelector("input[name=login]") && "asked";
      });
    }
    console.log(JSON.stringify({ ...told, after, again, violations }));
    await context.close();
  }
} finally {
  await browser.close();
  listening.close();
}
