/* What the page does beyond what the server made of it: it stays up to date, draws the
 * charts, and lets the arrow keys walk over the matrix. Without this file nothing is
 * missing but that.
 *
 * Live: the same page is fetched again, at each look and at once when the monitor tells
 * of an event, and what differs is put into the one that is shown. Elements stay the same
 * elements, so focus, selection and scrolling stay too, and what is read aloud is only
 * what became different. No markup is made here of anything that was received as text.
 *
 * A failure of the network leaves the page as it was, says so, and tries again.
 */
"use strict";

(() => {
    const EVENTS = ["state", "verdict", "daemon", "warning", "cluster"];
    const MANY_PAIRS = 300; // a page of so many is fetched less often
    const FETCH_MS = 10000;
    // Set here, not by the server: they survive an update.
    const KEPT = new Set(["tabindex", "role", "open", "data-made"]);

    const body = document.body;
    const prefix = body.dataset.prefix;
    const by = (id) => document.getElementById(id);
    // Absolute: relative to a page that was opened as http://user:token@… they would bring
    // the token along, and browsers fetch nothing that names one.
    const address = (path) => new URL(path, location.origin + location.pathname).href;

    // ---- putting a new page into the old one ----

    const fits = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName &&
        (a.id || "") === (b.id || "");

    const morphAttributes = (from, to) => {
        for (const { name } of [...from.attributes])
            if (!to.hasAttribute(name) && !KEPT.has(name)) from.removeAttribute(name);
        for (const { name, value } of to.attributes)
            if (from.getAttribute(name) !== value &&
                !(KEPT.has(name) && from.dataset.made)) from.setAttribute(name, value);
    };

    const morph = (from, to) => {
        if (from.nodeType !== Node.ELEMENT_NODE) {
            if (from.data !== to.data) from.data = to.data;
            return;
        }
        morphAttributes(from, to);
        if (from.dataset.keep) return;
        let at = from.firstChild;
        for (const coming of [...to.childNodes]) {
            let held = at;
            while (held && !fits(held, coming)) held = coming.id ? held.nextSibling : null;
            if (!held) {
                from.insertBefore(document.importNode(coming, true), at);
                continue;
            }
            while (at !== held) {
                const gone = at;
                at = at.nextSibling;
                gone.remove();
            }
            morph(held, coming);
            at = held.nextSibling;
        }
        while (at) {
            const gone = at;
            at = at.nextSibling;
            gone.remove();
        }
    };

    // ---- staying up to date ----

    let timer = 0;
    let last = Promise.resolve();
    let queued = null;
    let look = body.dataset.look;
    let lookedAt = performance.now();

    const say = (words) => {
        const trouble = by("trouble");
        if (trouble.textContent !== words) trouble.textContent = words;
        document.documentElement.classList.toggle("old", words !== "");
    };

    const interval = () => {
        const each = Math.max(1000, Number(body.dataset.interval) || 1000);
        return Number(body.dataset.pairs) > MANY_PAIRS ? Math.max(5000, each) : each;
    };

    const checkLook = () => {
        const now = performance.now();
        if (body.dataset.look !== look) {
            look = body.dataset.look;
            lookedAt = now;
        }
        const late = now - lookedAt > Math.max(10000, 5 * interval());
        say(late ? "The monitor answers, but has stopped looking: what is shown is old." : "");
    };

    const plan = (ms) => {
        clearTimeout(timer);
        timer = setTimeout(refresh, ms);
    };

    // One update after the other; who asks while one is under way gets the one after it.
    const refresh = () => {
        queued ??= last = last.then(() => {
            queued = null;
            return update();
        });
        return queued;
    };

    async function update() {
        if (document.hidden) return; // visibilitychange begins again
        try {
            const answer = await fetch(address(location.search), {
                cache: "no-store", signal: AbortSignal.timeout(FETCH_MS),
            });
            if (!answer.ok) throw new Error(String(answer.status));
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            morph(body, page.body);
            document.title = page.title;
            const icon = page.querySelector("link[rel=icon]").getAttribute("href");
            const shown = document.querySelector("link[rel=icon]");
            if (shown.getAttribute("href") !== icon) shown.setAttribute("href", icon);
            checkLook();
            settle();
        } catch {
            if (!by("trouble").textContent)
                say(`The monitor has not answered since ${clock()} UTC: what is shown is old.`);
        }
        await drawCharts().catch(() => {}); // what was drawn stays; the next look tries again
        plan(interval());
    }

    const clock = () => new Date().toISOString().slice(11, 19);

    const listen = () => {
        const live = by("live");
        const events = new EventSource(address(prefix + "v1/events"));
        events.onopen = () => { live.textContent = "live"; };
        events.onerror = () => {
            live.textContent = "";
            if (events.readyState === EventSource.CLOSED) setTimeout(listen, FETCH_MS);
        };
        for (const name of EVENTS) events.addEventListener(name, () => plan(50));
    };

    // ---- the matrix, by keys ----

    const grid = () => [...document.querySelectorAll("#cells tr")]
        .map((row) => [...row.cells].map((cell) => cell.querySelector("a")));

    const rove = (link) => {
        for (const other of document.querySelectorAll("#cells a")) {
            const index = other === link ? 0 : -1;
            if (!other.dataset.made) other.dataset.made = "1";
            if (other.getAttribute("tabindex") !== String(index)) other.tabIndex = index;
        }
    };

    // The next cell that has a link, in a direction; the same one when there is none.
    const step = (rows, from, down, right) => {
        let [r, c] = [from[0] + down, from[1] + right];
        while (rows[r] && c >= 0 && c < rows[r].length) {
            if (rows[r][c]) return rows[r][c];
            r += down;
            c += right;
        }
        return rows[from[0]][from[1]];
    };

    const target = (key, whole, rows, from) => {
        const links = rows[from[0]].filter(Boolean);
        const all = rows.flat().filter(Boolean);
        switch (key) {
        case "ArrowUp": return step(rows, from, -1, 0);
        case "ArrowDown": return step(rows, from, 1, 0);
        case "ArrowLeft": return step(rows, from, 0, -1);
        case "ArrowRight": return step(rows, from, 0, 1);
        case "Home": return (whole ? all : links)[0];
        case "End": return (whole ? all : links).at(-1);
        default: return null;
        }
    };

    const matrixKey = (event) => {
        const link = event.target.closest("#cells a");
        if (!link || event.altKey || event.metaKey) return;
        const rows = grid();
        const r = rows.findIndex((row) => row.includes(link));
        const to = target(event.key, event.ctrlKey, rows, [r, rows[r].indexOf(link)]);
        if (!to) return;
        event.preventDefault();
        rove(to);
        to.focus();
    };

    const choose = async (event) => {
        const link = event.target.closest("#cells a");
        if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        history.pushState(null, "", link.getAttribute("href"));
        rove(link);
        await refresh();
        by("pair-head").focus();
        by("pair").scrollIntoView({ block: "start" });
    };

    // What the server cannot know: which tables scroll here, and which cell has the focus.
    const settle = () => {
        const cells = by("cells");
        if (cells) {
            cells.dataset.made = "1";
            cells.setAttribute("role", "grid");
            if (!cells.querySelector('a[tabindex="0"]'))
                rove(cells.querySelector("a[aria-current]") || cells.querySelector("a"));
            else rove(cells.querySelector('a[tabindex="0"]'));
        }
        for (const box of document.querySelectorAll(".scroll:not(.matrix)")) {
            box.dataset.made = "1";
            const scrolls = box.scrollWidth > box.clientWidth + 1;
            if (scrolls) box.tabIndex = 0;
            else box.removeAttribute("tabindex");
        }
        document.querySelectorAll("figure[data-figure]").forEach(nameChart);
        copyButton();
    };

    // ---- the certificate ----

    const copyText = async (element) => {
        try {
            await navigator.clipboard.writeText(element.textContent);
            return true;
        } catch {
            getSelection().selectAllChildren(element); // so that a person can
            return document.execCommand("copy");
        }
    };

    const copyButton = () => {
        const box = by("copy");
        if (!box || box.firstChild) return;
        const button = document.createElement("button");
        const told = document.createElement("span");
        button.type = "button";
        button.textContent = "Copy the certificate";
        told.setAttribute("role", "status");
        button.addEventListener("click", async () => {
            const copied = await copyText(by("certificate-line"));
            told.textContent = copied ? "Copied." : "Selected: copy it with your keys.";
            setTimeout(() => { told.textContent = ""; }, 4000);
        });
        box.append(button, told);
    };

    // ---- charts ----

    const FIGURES = {
        lag: [["lag_ms", "--line-1"], ["staleness_ms", "--line-2", [6, 5]]],
        latency: [["latency_p50_ms", "--line-3"], ["latency_p99_ms", "--line-4", [6, 5]]],
    };
    const RANGES = { fine: "5 minutes", coarse: "6 hours" };
    const HEIGHT = 190;
    const SPANS = { fine: 300, coarse: 21600 };
    const charts = new Map(); // by figure: { plot, box }
    let range = "fine";

    const words = (ms) => {
        if (ms === null || ms === undefined) return "unknown";
        if (ms < 1000) return `${Math.round(ms)} ms`.replace(/^0 ms/, "0 s");
        if (ms < 60000) return `${+(ms / 1000).toFixed(1)} s`;
        if (ms < 3600000) return `${+(ms / 60000).toFixed(1)} min`;
        if (ms < 86400000) return `${+(ms / 3600000).toFixed(1)} h`;
        return `${+(ms / 86400000).toFixed(1)} d`;
    };

    // "22:14", or "22:14:30" where the minute is not whole; UTC, like all of the page.
    const hour = (seconds) =>
        new Date(seconds * 1000).toISOString().slice(11, seconds % 60 === 0 ? 16 : 19);

    const colour = (name) => getComputedStyle(body).getPropertyValue(name).trim();

    const options = (id, box) => ({
        width: Math.max(200, box.clientWidth),
        height: HEIGHT,
        padding: [10, 4, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "trend" }, drag: { setScale: false } },
        scales: { y: { range: (_, __, most) => [0, Math.max(1000, (most || 0) * 1.15)] } },
        series: [{}, ...FIGURES[id].map(([, stroke, dash]) => ({
            stroke: colour(stroke), width: 2, dash, points: { show: false },
        }))],
        axes: [
            { stroke: colour("--quiet"), grid: { show: false }, space: 80,
              ticks: { stroke: colour("--line") }, font: "12px system-ui", size: 32,
              values: (_, splits) => splits.map(hour) },
            { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 },
              ticks: { show: false }, font: "12px system-ui", size: 64,
              values: (_, splits) => splits.map(words) },
        ],
        hooks: { setCursor: [(plot) => readOut(id, plot)] },
    });

    // The values under the pointer, in words, where the largest ones stand otherwise.
    const readOut = (id, plot) => {
        const chart = charts.get(id);
        const at = plot.cursor.idx;
        if (!chart) return;
        chart.told.textContent = at === null || at === undefined ? "" :
            `${new Date(plot.data[0][at] * 1000).toISOString().slice(11, 19)} UTC: ` +
            FIGURES[id].map((_, n) => words(plot.data[n + 1][at])).join(", ");
    };

    const dropCharts = () => {
        for (const { plot, watch, box } of charts.values()) {
            watch.disconnect();
            plot.destroy();
            box.replaceChildren();
        }
        charts.clear();
    };

    const makeChart = (id, box, data) => {
        const told = document.createElement("p");
        told.className = "told";
        box.replaceChildren();
        const plot = new uPlot(options(id, box), data, box);
        box.append(told);
        const watch = new ResizeObserver(() =>
            plot.setSize({ width: Math.max(200, box.clientWidth), height: HEIGHT }));
        watch.observe(box);
        charts.set(id, { plot, box, told, watch });
    };

    // A chart says what the drawing of the server says, which it hides.
    const nameChart = (figure) => {
        const box = figure.querySelector(".plot");
        if (!charts.has(figure.dataset.figure)) return;
        box.dataset.made = "1";
        box.setAttribute("role", "img");
        box.setAttribute("aria-label", figure.querySelector(".spark").getAttribute("aria-label"));
    };

    const columns = (id, samples) => [
        samples.map((sample) => sample.at_ms / 1000),
        ...FIGURES[id].map(([field]) => samples.map((sample) => sample[field])),
    ];

    const rangeButtons = () => {
        const box = by("ranges");
        if (!box || box.firstChild) return;
        box.setAttribute("role", "group");
        for (const [name, title] of Object.entries(RANGES)) {
            const button = document.createElement("button");
            button.type = "button";
            button.textContent = title;
            button.dataset.range = name;
            button.setAttribute("aria-pressed", String(name === range));
            button.addEventListener("click", () => {
                range = name;
                for (const other of box.children)
                    other.setAttribute("aria-pressed", String(other === button));
                drawCharts();
            });
            box.append(button);
        }
    };

    async function drawCharts() {
        const pair = by("pair");
        if (!window.uPlot || !pair || !pair.dataset.source) return;
        const { source, target: to } = pair.dataset;
        const query = new URLSearchParams({ collection: body.dataset.collection, trend: range });
        const trend = `${prefix}v1/pairs/${encodeURIComponent(source)}/` +
            `${encodeURIComponent(to)}/history?${query}`;
        const answer = await fetch(address(trend), {
            cache: "no-store", signal: AbortSignal.timeout(FETCH_MS),
        });
        if (!answer.ok) throw new Error(String(answer.status));
        const { samples } = await answer.json();
        rangeButtons();
        document.documentElement.classList.add("charts");
        for (const figure of document.querySelectorAll("figure[data-figure]")) {
            const id = figure.dataset.figure;
            const box = figure.querySelector(".plot");
            const data = columns(id, samples);
            if (charts.has(id) && charts.get(id).box !== box) dropCharts();
            if (charts.has(id)) charts.get(id).plot.setData(data);
            else makeChart(id, box, data);
            nameChart(figure);
            if (samples.length > 0) {
                const max = samples.at(-1).at_ms / 1000;
                charts.get(id).plot.setScale("x", { min: max - SPANS[range], max });
            }
        }
    }

    // ---- begin ----

    const anew = () => { dropCharts(); drawCharts().catch(() => {}); };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
    document.addEventListener("keydown", matrixKey);
    document.addEventListener("click", choose);
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || !event.target.closest("#pair")) return;
        const cell = document.querySelector("#cells a[aria-current]");
        if (cell) cell.focus();
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(0); });
    addEventListener("popstate", () => plan(0));
    settle();
    drawCharts().catch(() => {});
    listen();
    plan(interval());
})();
