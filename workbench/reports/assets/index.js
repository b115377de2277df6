// The index: search, filters, sorting and history over the runs inside the page. No row is drawn before it is asked for.
document.addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const PAGE = 100;
  const [FOLDER, STUDY, SUBJECT, VERDICT, TIME, PDF, COMPARE, FIGURES] = [0, 1, 2, 3, 4, 5, 6, 7];
  const root = document.documentElement, form = document.getElementById("filters");
  const body = document.querySelector("#runs tbody"), more = document.getElementById("more");
  const found = document.getElementById("found"), counts = document.getElementById("counts");
  let sort = { key: "made", down: true }, matching = [], drawn = 0;

  // Runs come newest first; the first of each study and subject carries its history.
  const groups = new Map();
  const group = (run) => run[STUDY] + "/" + data.subjects[run[SUBJECT]][0];
  for (const run of data.rows) {
    const key = group(run);
    if (groups.has(key)) groups.get(key).push(run);
    else groups.set(key, [run]);
  }
  const text = data.rows.map((run) => {
    const study = data.studies[run[STUDY]];
    return [...data.subjects[run[SUBJECT]], study.name, ...Object.values(study.title), run[FOLDER]].join(" ").toLowerCase();
  });
  const position = new Map(data.rows.map((run, index) => [run, index]));
  const newest = [...groups.values()].map((runs) => runs[0]);

  const element = (tag, content, className) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content instanceof Node) made.append(content);
    else if (content !== undefined) made.textContent = content;
    return made;
  };
  const trusted = (html) => document.createRange().createContextualFragment(html); // chips and words of our own
  const spoken = (words) => {
    const all = Object.values(words);
    if (all.every((word) => word === all[0])) return document.createTextNode(all[0]);
    const both = document.createDocumentFragment();
    for (const [lang, word] of Object.entries(words)) {
      const span = element("span", word);
      span.lang = lang;
      both.append(span);
    }
    return both;
  };
  const link = (address, content) => {
    const made = element("a", content);
    made.href = address;
    return made;
  };
  const two = (number) => String(number).padStart(2, "0");
  const clock = (seconds) => {
    if (!seconds) return "–";
    const t = new Date(seconds * 1000), minutes = -t.getTimezoneOffset();
    const zone = minutes ? "UTC" + (minutes < 0 ? "-" : "+") + two(Math.floor(Math.abs(minutes) / 60)) + ":" + two(Math.abs(minutes) % 60) : "UTC";
    return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())} ${zone}`;
  };

  function row(run, older) {
    const line = element("tr", undefined, older ? "older" : "");
    line.append(element("td", trusted(data.verdicts[run[VERDICT]].chip)));
    const [subject, name] = data.subjects[run[SUBJECT]];
    const named = element("td", link(`runs/${run[FOLDER]}/index.html`, older ? run[FOLDER] : subject), "subject");
    if (name && !older) named.append(element("small", name));
    line.append(named);
    line.append(element("td", older ? "" : spoken(data.studies[run[STUDY]].title), "study"));
    const figures = element("td", undefined, "figs");
    for (const [label, shown, unit, unverified, synthetic] of run[FIGURES] || []) {
      const figure = element("span", spoken(data.labels[label]));
      figure.append(" ", element("b", shown), " " + unit);
      if (unverified) figure.append(trusted(data.chips.unverified));
      if (synthetic) figure.append(trusted(data.chips.synthetic));
      figures.append(figure);
    }
    line.append(figures, element("td", clock(run[TIME]), "made"));
    const tools = element("td", undefined, "more");
    if (run[PDF]) tools.append(link(`runs/${run[FOLDER]}/report.pdf`, "PDF"));
    if (older && run[COMPARE]) tools.append(link(run[COMPARE], trusted(data.words.compare_before_short)));
    const history = groups.get(group(run));
    if (!older && history[0] === run && history.length > 1) {
      if (run[COMPARE]) tools.append(link(run[COMPARE], trusted(data.words.compare_before_short)));
      const button = element("button", trusted(data.words.history));
      button.type = "button";
      button.append(` (${history.length - 1})`);
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => toggle(button, line, history));
      tools.append(button);
    }
    line.append(tools);
    return line;
  }

  function toggle(button, line, history) {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) while (line.nextSibling?.classList?.contains("older")) line.nextSibling.remove();
    else line.after(...history.slice(1, 1 + PAGE).map((run) => row(run, true)));
  }

  const chosen = () => Object.fromEntries(new FormData(form));
  function select() {
    const want = chosen();
    const words = (want.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const from = want.from ? new Date(want.from + "T00:00:00").getTime() / 1000 : -Infinity;
    const to = want.to ? new Date(want.to + "T23:59:59").getTime() / 1000 : Infinity;
    matching = (want.all ? data.rows : newest).filter((run) =>
      (!want.study || String(run[STUDY]) === want.study) &&
      (!want.verdict || data.verdicts[run[VERDICT]].name === want.verdict) &&
      run[TIME] >= from && run[TIME] <= to &&
      words.every((word) => text[position.get(run)].includes(word)));
    const lang = root.dataset.lang;
    const value = {
      made: (run) => run[TIME],
      verdict: (run) => run[VERDICT],
      subject: (run) => data.subjects[run[SUBJECT]][0],
      study: (run) => data.studies[run[STUDY]].title[lang],
    }[sort.key];
    const words_of = new Intl.Collator(lang, { numeric: true });
    const order = (a, b) => (typeof value(a) === "number" ? value(a) - value(b) : words_of.compare(value(a), value(b)));
    matching = [...matching].sort((a, b) => (sort.down ? -order(a, b) : order(a, b)) || b[TIME] - a[TIME]);
    body.replaceChildren();
    drawn = 0;
    draw();
    found.textContent = `${matching.length} / ${(want.all ? data.rows : newest).length}`;
    if (!matching.length) {
      const nothing = element("td", trusted(data.words.none_found));
      nothing.colSpan = 6;
      body.append(element("tr", nothing));
    }
    for (const button of counts.querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.dataset.verdict === want.verdict));
    const kept = new URLSearchParams(Object.entries(want).filter(([, v]) => v));
    try { history.replaceState(null, "", kept.size ? "#" + kept : location.pathname); } catch { /* not allowed from a file */ }
  }
  function draw() {
    body.append(...matching.slice(drawn, drawn + PAGE).map((run) => row(run, false)));
    drawn = Math.min(drawn + PAGE, matching.length);
    more.hidden = drawn >= matching.length;
  }

  const option = (value, content) => {
    const made = element("option", content);
    made.value = value;
    return made;
  };
  function fillChoices() { // options hold one language at a time
    const lang = root.dataset.lang, keep = chosen();
    form.study.replaceChildren(option("", data.all[lang]), ...data.studies.map((study, i) => option(String(i), study.title[lang])));
    form.verdict.replaceChildren(option("", data.all[lang]), ...data.verdicts.filter((v, i) => data.rows.some((run) => run[VERDICT] === i)).map((v) => {
      const words = trusted(v.chip).querySelector(`[lang="${lang}"]`);
      return option(v.name, words ? words.textContent : v.name);
    }));
    form.study.value = keep.study || "";
    form.verdict.value = keep.verdict || "";
  }

  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = element("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const mark = () => {
      for (const other of document.querySelectorAll("th[data-sort]"))
        if (other.dataset.sort === sort.key) other.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
        else other.removeAttribute("aria-sort");
    };
    button.addEventListener("click", () => {
      const key = head.dataset.sort;
      sort = { key, down: sort.key === key ? !sort.down : key === "made" };
      mark();
      select();
    });
    mark();
  }
  form.addEventListener("input", select);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(select));
  counts.addEventListener("click", (event) => {
    const button = event.target.closest("[data-verdict]");
    if (!button) return;
    form.verdict.value = form.verdict.value === button.dataset.verdict ? "" : button.dataset.verdict;
    select();
  });
  more.addEventListener("click", draw);
  new MutationObserver(() => { fillChoices(); select(); }).observe(root, { attributeFilter: ["data-lang"] });
  fillChoices();
  for (const [name, value] of new URLSearchParams(location.hash.slice(1)))
    if (form.elements[name]) form.elements[name].type === "checkbox" ? (form.elements[name].checked = true) : (form.elements[name].value = value);
  select();
});
