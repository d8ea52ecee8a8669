"use strict";

// Consecutive listings in Julia, Python and Rust become tabs, and links to the page go to where it is served.
// Without this script, the listings follow each other and the links open the page of the repository.
(function () {
    const NAMES = { julia: "Julia", python: "Python", rust: "Rust" };
    const KEY = "tercet-language";

    const languageOf = (pre) => {
        const code = pre && pre.tagName === "PRE" && pre.querySelector("code");
        return code && Object.keys(NAMES).find((name) => code.classList.contains(`language-${name}`));
    };

    const groups = [];

    function show(language) {
        for (const { tabs } of groups) {
            const chosen = tabs.some((tab) => tab.language === language) ? language : tabs[0].language;
            for (const { language: own, pre, button } of tabs) {
                pre.style.display = own === chosen ? "" : "none";
                button.setAttribute("aria-selected", String(own === chosen));
            }
        }
    }

    function group(pres) {
        const box = document.createElement("div");
        box.className = "languages";
        const choices = document.createElement("div");
        choices.className = "choices";
        choices.setAttribute("role", "tablist");
        pres[0].before(box);
        box.append(choices);
        const tabs = pres.map((pre) => {
            const language = languageOf(pre);
            const button = document.createElement("button");
            button.type = "button";
            button.setAttribute("role", "tab");
            button.textContent = NAMES[language];
            button.addEventListener("click", () => {
                try { localStorage.setItem(KEY, language); } catch { /* private windows may forbid it */ }
                show(language);
            });
            choices.append(button);
            box.append(pre);
            return { language, pre, button };
        });
        groups.push({ tabs });
    }

    for (const first of [...document.querySelectorAll(".content pre")]) {
        if (!languageOf(first) || first.closest(".languages")) continue;
        const pres = [first];
        // Two listings in the same language belong to one text, not to a choice.
        const seen = new Set([languageOf(first)]);
        for (let next = first.nextElementSibling; languageOf(next) && !seen.has(languageOf(next));) {
            seen.add(languageOf(next));
            pres.push(next);
            next = next.nextElementSibling;
        }
        if (pres.length > 1) group(pres);
    }
    let saved = null;
    try { saved = localStorage.getItem(KEY); } catch { /* the first language is shown */ }
    show(saved || "julia");

    // In the repository, the page is crates/tercet-cli/page. On a site, the book is a folder `book` next to it. A book that
    // was opened as a file cannot start the page's worker, so its links go to `tercet serve`.
    const site = location.pathname.match(/^(.*\/)book\/[^/]*$/);
    const inRepository = location.pathname.includes("/target/book/");
    const page = location.protocol === "file:" ? "http://127.0.0.1:8102/" : !inRepository && site && site[1];
    if (page) {
        for (const link of document.querySelectorAll('a[href*="tercet-cli/page/index.html#"]')) {
            link.href = page + new URL(link.href).hash;
        }
    }
})();
