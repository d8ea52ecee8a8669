"use strict";

// The theme switch. Without this script, the page follows the system's theme.

const schemes = { system: "light dark", light: "light", dark: "dark" };
const themeButton = document.getElementById("theme");

function setTheme(name) {
  document.documentElement.style.colorScheme = schemes[name];
  themeButton.textContent = `Theme: ${name}`;
  themeButton.dataset.theme = name;
  // A browser may not allow storage for a page opened from a file.
  try { localStorage.setItem("tercet-theme", name); } catch { /* The choice lasts until the page is closed. */ }
}

let remembered = null;
try { remembered = localStorage.getItem("tercet-theme"); } catch { /* As above. */ }
setTheme(remembered in schemes ? remembered : "system");
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  const names = Object.keys(schemes);
  setTheme(names[(names.indexOf(themeButton.dataset.theme) + 1) % names.length]);
});
