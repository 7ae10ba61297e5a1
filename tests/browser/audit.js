/* What a page is asked besides what it shows. Evaluated in the page: an object of
 * functions, each answering a list of findings. */
({
    // Words that can hardly be read: contrast below WCAG 2.2 AA (4.5, large words 3).
    contrast() {
        const parse = (text) => {
            const numbers = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
            const scale = text.startsWith("color(") ? 255 : 1;
            const [r, g, b, a = 1] = numbers;
            return [r * scale, g * scale, b * scale, a];
        };
        const over = (top, under) => [0, 1, 2].map((n) => top[n] * top[3] + under[n] * (1 - top[3]));
        const ground = (element) => {
            const layers = [];
            for (let at = element; at; at = at.parentElement) {
                const colour = parse(getComputedStyle(at).backgroundColor);
                if (colour[3] > 0) layers.push(colour);
                if (colour[3] === 1) break;
            }
            return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
        };
        const light = (colour) => {
            const [r, g, b] = colour.map((c) => c / 255)
                .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const found = new Set();
        for (const element of document.querySelectorAll("body *")) {
            const own = [...element.childNodes].some((node) =>
                node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
            const style = getComputedStyle(element);
            if (!own || element.closest("svg, .said, noscript") ||
                !element.checkVisibility()) continue;
            const back = ground(element);
            const front = over(parse(style.color), back);
            const [dark, bright] = [light(front), light(back)].sort((a, b) => a - b);
            const ratio = (bright + 0.05) / (dark + 0.05);
            const size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
            if (ratio < (large ? 3 : 4.5))
                found.add(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
        }
        return [...found];
    },

    // What sticks out of the window at the right, where nothing scrolls by itself.
    wide() {
        const found = [];
        if (document.scrollingElement.scrollWidth > innerWidth)
            found.push(`the page: ${document.scrollingElement.scrollWidth} of ${innerWidth}`);
        for (const element of document.querySelectorAll("body *")) {
            if (element.closest(".scroll, .said, .shapes, .uplot, .skip, .events")) continue;
            const box = element.getBoundingClientRect();
            if (box.width > 0 && box.right > innerWidth + 1)
                found.push(`${element.tagName}.${element.className.baseVal ?? element.className}`);
        }
        return found;
    },

    // Scripts and styles that stand in the page itself, or come from elsewhere.
    inline(given) {
        const found = [];
        for (const script of given.querySelectorAll("script"))
            if (script.textContent || new URL(script.src).origin !== location.origin)
                found.push(script.outerHTML.slice(0, 80));
        for (const element of given.querySelectorAll("style, iframe, object, embed, form, base"))
            found.push(element.outerHTML.slice(0, 80));
        for (const element of given.querySelectorAll("*"))
            for (const { name } of element.attributes)
                if (name === "style" || name.startsWith("on"))
                    found.push(`${element.tagName} ${name}`);
        return found;
    },

    // Ids that stand twice, and names that point nowhere.
    ids() {
        const found = [];
        const seen = new Set();
        for (const { id } of document.querySelectorAll("[id]")) {
            if (seen.has(id)) found.push(`#${id} twice`);
            seen.add(id);
        }
        for (const element of document.querySelectorAll("[aria-labelledby]"))
            if (!seen.has(element.getAttribute("aria-labelledby")))
                found.push(`#${element.getAttribute("aria-labelledby")} is missing`);
        return found;
    },

    // Where the focus is, in words, and whether it can be seen.
    focus() {
        const at = document.activeElement;
        const box = at.getBoundingClientRect();
        const style = getComputedStyle(at);
        return {
            what: at.id ? `#${at.id}` : at.getAttribute("aria-label") || at.textContent.trim(),
            cell: at.closest("#cells") !== null,
            body: at === document.body,
            seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight &&
                style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        };
    },
})
