// Language and theme of the page, remembered on this computer. Runs before the body is drawn.
(() => {
  const root = document.documentElement;
  const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };
  const speak = (lang) => {
    root.dataset.lang = root.lang = lang;
    for (const button of document.querySelectorAll("[data-speak]"))
      button.setAttribute("aria-pressed", String(button.dataset.speak === lang));
  };
  const lang = remembered("workbench-lang");
  if (lang === "en" || lang === "zh-Hant") root.dataset.lang = root.lang = lang;
  const theme = remembered("workbench-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const isDark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  document.addEventListener("DOMContentLoaded", () => {
    speak(root.dataset.lang);
    root.classList.add("scripted");
    markCurrent();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.speak) {
      speak(button.dataset.speak);
      remember("workbench-lang", button.dataset.speak);
    } else if (button.dataset.act === "theme") {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember("workbench-theme", root.dataset.theme);
    }
  });
  // A link into a closed section opens it.
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  addEventListener("load", open);

  // The table of contents shows which part is being read.
  function markCurrent() {
    const links = [...document.querySelectorAll(".contents a")];
    const parts = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1)))).filter(Boolean);
    if (!parts.length || !("IntersectionObserver" in window)) return;
    const update = () => {
      const passed = parts.filter((part) => part.getBoundingClientRect().top < 120);
      const current = passed.at(-1) || parts[0];
      for (const link of links)
        if (decodeURIComponent(link.hash.slice(1)) === current.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
    };
    addEventListener("scroll", () => requestAnimationFrame(update), { passive: true });
    update();
  }
})();
