#!/usr/bin/python3
"""page - drives the monitor's page in a browser, as a person would.

Run as `tests/browser/page.py FIXTURE FOLDER`: FIXTURE is the program browser_fixture,
pictures are saved in FOLDER. Each test is a sentence that is true when it passes. They
go through one story: nothing there yet, converged, cut, lagging, healed, diverged; then
hostile names, a crowd of regions, no scripts, and no monitor. Nothing waits for a time
that was guessed: each step waits for a condition, with a deadline.
"""
import os
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import chromium  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
# Roles that a person acts on, or that stand for a picture: each needs a name.
NAMED = {"link", "button", "image", "img", "graphics-document", "textbox", "checkbox",
         "DisclosureTriangle", "figure", "Figure", "grid", "table", "region", "navigation",
         "searchbox", "combobox", "tab", "menuitem", "columnheader", "rowheader", "heading"}


class Fixture:
    def __init__(self, *command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise RuntimeError("the fixture did not start")

    def say(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            answer = self.process.stdout.readline().strip()
            if not answer:
                raise RuntimeError(f"the fixture died of '{command}'")
            assert answer.startswith("ok "), f"{command}: {answer}"
        return answer.split()[1]

    def close(self):
        """Its status: a sanitizer that found something ends it with another than 0."""
        try:
            self.process.stdin.close()
            return self.process.wait(timeout=10)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.process.kill()
            return self.process.wait()


class Story:
    def __init__(self, browser, fixture, folder):
        self.browser, self.fixture, self.folder = browser, fixture, folder
        self.audit = "(" + open(os.path.join(HERE, "audit.js"), encoding="utf-8").read() + ")"

    # ---- asking ----

    def look(self, *commands):
        """Says commands, and waits until the page shows the look after them."""
        look = self.fixture.say(*commands)
        self.browser.until(f"Number(document.body.dataset.look) >= {look}")

    def text(self, selector):
        return self.browser.run(
            f"document.querySelector({selector!r})?.textContent.replace(/\\s+/g, ' ').trim()")

    def count(self, selector):
        return self.browser.run(f"document.querySelectorAll({selector!r}).length")

    def cell(self, source, target):
        return self.browser.run(f"""(() => {{
            const heads = [...document.querySelectorAll('#cells thead th')];
            const column = heads.findIndex((head) => head.textContent === {target!r});
            const row = [...document.querySelectorAll('#cells tbody tr')]
                .find((row) => row.cells[0].textContent === {source!r});
            return row.cells[column + 1].querySelector('.word').textContent;
        }})()""")

    def clean(self):
        """Nothing on the console, no violation of the policy, no address outside."""
        browser = self.browser
        said = [str(entry["entry"].get("text")) for entry in browser.of("Log.entryAdded")]
        said += [str(call["args"]) for call in browser.of("Runtime.consoleAPICalled")]
        said += [str(thrown["exceptionDetails"])
                 for thrown in browser.of("Runtime.exceptionThrown")]
        said += [str(issue["issue"]) for issue in browser.of("Audits.issueAdded")
                 if "NavigationEntryMarkedSkippable" not in str(issue)]  # history.back()
        said += ["dialog: " + box["message"]
                 for box in browser.of("Page.javascriptDialogOpening")]
        assert not said, said
        urls = {request["request"]["url"] for request in browser.of("Network.requestWillBeSent")}
        outside = [url for url in urls
                   if not url.startswith((self.fixture.address, "about:", "data:"))]
        assert not outside, outside

    def audits(self, *checks):
        for check in checks:
            found = self.browser.run(f"{self.audit}.{check}(document)")
            assert not found, f"{check}: {found[:12]}"

    def sound(self, *checks):
        """The audits, and that every node that needs a name has one."""
        self.audits(*(checks or ("contrast", "wide", "ids")))
        nameless = {role for role, name in self.browser.accessible()
                    if role in NAMED and not name.strip()}
        assert not nameless, f"without a name: {nameless}"

    def picture(self, name, width=1280, height=900, whole=True, **media):
        self.browser.size(width, height)
        self.browser.media(prefers_reduced_motion="reduce", **media)
        # Charts follow the width of their box; a frame later they have.
        if self.browser.can_script:
            self.browser.run("new Promise((done) => requestAnimationFrame(() => "
                             "requestAnimationFrame(() => setTimeout(done, 50))))")
        self.browser.picture(os.path.join(self.folder, name + ".png"), whole)

    # ---- the story ----

    def before_the_first_look_the_page_says_that_it_looks(self):
        self.browser.open(self.fixture.address)
        assert "Looking" in self.text("h1"), self.text("h1")

    def without_a_collection_it_says_how_one_is_made(self):
        self.look("tick 1")
        assert self.text("h1") == "No collection yet"
        assert "isostasy collection create" in self.text("main")
        self.sound()
        self.picture("empty", 1280, 700)

    def regions_that_are_level_are_shown_converged(self):
        self.look("begin", "tick 20")
        self.browser.until("document.querySelector('h1').textContent === 'Converged'")
        assert self.browser.run("document.title").startswith("Converged · packages")
        assert "All 3 regions hold the same data" in self.text("#verdict-said")
        for source, target in (("eu", "us"), ("us", "eu"), ("ap", "us"), ("eu", "ap")):
            assert self.cell(source, target) == "ok", (source, target)
        assert self.count("#cells tbody a") == 6
        assert self.count("#targets tbody tr") == 3
        assert "packages" in self.text("#certificate-line")
        assert self.count("#pair table tbody tr") >= 2

    def charts_show_the_trend(self):
        if not self.browser.run("!!window.uPlot"):
            print("     (built without uPlot: only the drawings of the server)")
            assert self.count(".trend .spark path") == 4
            return
        self.browser.until("document.querySelectorAll('.plot canvas').length === 2")
        inked = self.browser.run("""[...document.querySelectorAll('.plot canvas')].map((c) =>
            c.getContext('2d').getImageData(0, 0, c.width, c.height).data
                .filter((v, n) => n % 4 === 3 && v > 0).length)""")
        assert min(inked) > 500, inked
        self.browser.run("document.querySelector('#ranges button:last-child').click()")
        self.browser.until("document.querySelector('#ranges button:last-child')"
                           ".getAttribute('aria-pressed') === 'true'")
        self.browser.run("document.querySelector('#ranges button').click()")

    def every_node_that_needs_a_name_has_one_light_dark_and_narrow(self):
        for scheme in ("light", "dark"):
            self.picture(f"converged-{scheme}", prefers_color_scheme=scheme)
            self.sound()
            self.picture(f"converged-{scheme}-360", 360, 740, prefers_color_scheme=scheme)
            self.audits("contrast", "wide")
        self.picture("converged-light", prefers_color_scheme="light")

    def the_audits_find_faults_that_are_planted(self):
        for check, fault in (
                ("contrast", "at.textContent = 'pale'; at.style.color = 'rgb(200, 200, 200)';"
                             "at.style.background = 'white'"),
                ("wide", "at.style.width = '3000px'; at.style.height = '9px'"),
                ("ids", "at.id = 'main'"),
                ("ids", "at.setAttribute('aria-labelledby', 'nowhere')")):
            found = self.browser.run(f"""(() => {{
                const at = document.body.appendChild(document.createElement('p'));
                {fault};
                const found = {self.audit}.{check}(document);
                at.remove();
                return found;
            }})()""")
            assert found, f"{check} does not find: {fault}"

    def the_server_writes_no_style_and_no_script_into_the_page(self):
        found = self.browser.run(f"""fetch('/').then((answer) => answer.text()).then((text) =>
            {self.audit}.inline(new DOMParser().parseFromString(text, 'text/html')))""")
        assert not found, found
        assert self.browser.run("""fetch('/').then((answer) =>
            answer.headers.get('content-security-policy'))""").startswith("default-src 'none'")

    def a_pair_that_is_cut_is_named_and_lags(self):
        self.look("cut", "tick 12")
        late = ("lagging", "stalled")
        assert self.cell("eu", "us") in late, self.cell("eu", "us")
        for source, target in (("us", "eu"), ("ap", "us"), ("eu", "ap")):
            assert self.cell(source, target) == "ok", (source, target)
        assert self.text("h1") in ("Not there yet", "Consistent so far"), self.text("h1")
        # Nobody reads green while a region stands still.
        for what in ("#verdict", "nav li"):
            shown = self.browser.run(f"document.querySelector({what!r}).dataset.state")
            assert shown in late, (what, shown)
        assert self.browser.run("document.querySelector('#verdict h1 use').href.baseVal") \
            in [f"#is-{state}" for state in late]
        assert "eu → us is " in self.text("#verdict-said"), self.text("#verdict-said")
        assert "icon-late" in self.browser.run("document.querySelector('link[rel=icon]').href")
        assert any(state in self.browser.run("document.title") for state in late)
        assert "eu" in self.text("#pair-head") and "us" in self.text("#pair-head")
        assert self.text("#pair .state span") in late
        assert "wait" in self.text("#pair .reason"), self.text("#pair .reason")
        assert self.text("#pair .facts dd").startswith("1"), self.text("#pair .facts dd")
        assert self.text("#pair tbody .state span") in late
        happened = self.text("#events")
        assert "eu → us" in happened and "converged" in happened, happened
        self.look("tick 40")
        self.sound()
        self.picture("cut", prefers_color_scheme="light")
        self.picture("cut-dark", prefers_color_scheme="dark")

    def what_is_read_aloud_is_the_verdict_and_no_age(self):
        said = self.text("[aria-live]")
        self.look("tick 3")
        assert self.text("[aria-live]") == said, (said, self.text("[aria-live]"))

    def the_keyboard_reaches_everything_and_is_seen(self):
        browser = self.browser
        browser.size(1280, 900)
        browser.run("document.activeElement.blur(); scrollTo(0, 0)")
        walked = []
        for _ in range(60):
            browser.key("Tab")
            at = browser.run(f"{self.audit}.focus()")
            if at["body"]:
                break
            walked.append(at)
        assert walked[0]["what"] == "Skip to the verdict", walked[0]
        unseen = [at["what"] for at in walked if not at["seen"]]
        assert not unseen, unseen
        assert sum(at["cell"] for at in walked) == 1, "one stop for the matrix"
        assert len(walked) < 40, len(walked)

    def arrow_keys_walk_over_the_matrix_and_enter_looks_closely(self):
        browser = self.browser
        focus = f"{self.audit}.focus().what"
        browser.run("document.querySelector('#cells a[tabindex=\"0\"]').focus()")
        browser.key("Home", 2)
        assert browser.run(focus).startswith("eu to us"), browser.run(focus)
        browser.key("ArrowRight")
        assert browser.run(focus).startswith("eu to ap"), browser.run(focus)
        browser.key("ArrowDown")
        assert browser.run(focus).startswith("us to ap"), browser.run(focus)
        browser.key("ArrowLeft")
        assert browser.run(focus).startswith("us to eu"), browser.run(focus)
        self.look("tick 2")
        assert browser.run(focus).startswith("us to eu"), "an update moved the focus"
        browser.key("Enter")
        browser.until("document.activeElement.id === 'pair-head'")
        assert self.text("#pair-head") == "us →to eu", self.text("#pair-head")
        assert "source=us&target=eu" in browser.run("location.search")
        browser.key("Escape")
        assert browser.run(focus).startswith("us to eu"), browser.run(focus)
        browser.run("history.back()")
        browser.until("document.querySelector('#pair').dataset.target === 'us'")

    def a_pair_that_heals_catches_up_and_converges(self):
        self.look("heal", "tick 8")
        assert self.cell("eu", "us") == "ok", self.cell("eu", "us")
        assert self.text("h1") == "Converged", self.text("h1")
        assert self.browser.run("document.querySelector('#verdict').dataset.state") == "ok"
        assert self.browser.run("document.title").startswith("Converged · packages")
        self.picture("healed", prefers_color_scheme="light")

    def other_data_at_equal_vectors_is_shown_diverged(self):
        self.look("diverge", "tick 4")
        assert self.text("h1") == "Diverged", self.text("h1")
        assert "diverged" in (self.cell("eu", "ap"), self.cell("ap", "eu"))
        assert self.text("#verdict .why") != ""
        assert "Diverged" in self.text("#verdict-said")
        assert self.browser.run("document.title").startswith("Diverged")
        self.sound()
        self.picture("diverged", prefers_color_scheme="light")
        self.picture("diverged-dark", prefers_color_scheme="dark")
        self.picture("diverged-360", 360, 740, prefers_color_scheme="dark")
        self.audits("contrast", "wide")
        self.browser.media(prefers_color_scheme="light")
        self.look("mend", "tick 4")
        assert self.text("h1") == "Converged", self.text("h1")

    def the_certificate_can_be_copied(self):
        self.browser.send("Browser.grantPermissions", {
            "origin": self.fixture.address.rstrip("/"),
            "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        self.browser.run("document.querySelector('#certificate').open = true;"
                         "document.querySelector('#copy button').click()")
        self.browser.until("document.querySelector('#copy [role=status]').textContent !== ''")
        self.look("tick 1")
        assert self.browser.run("document.querySelector('#certificate').open"), "it closed"

    def hostile_names_are_words_and_nothing_else(self):
        self.look("hostile", "tick 3")
        name = "%22%3E%3Cscript%3Ealert(6)%3C/script%3E"
        self.browser.open(f"{self.fixture.address}?collection={name}")
        self.look("tick 1")
        assert self.count("main img, main script, main style, [onerror], [onfocus]") == 0
        assert "<script>alert(6)</script>" in self.text("#verdict .of")
        assert "<img src=x onerror=alert(2)>" in self.text("main"), self.text("#pair .reason")
        assert "\u202e" not in self.text("body") and "\x1b" not in self.text("body")
        self.browser.run("document.querySelector('#cells a')?.click()")
        self.look("tick 1")
        self.sound("wide", "ids")
        self.picture("hostile")
        self.browser.open(f"{self.fixture.address}?collection=packages&source=%3Cimg%3E&target=x")
        assert self.text("#pair-head") == "No such pair"
        assert "<img>" in self.text("#pair")

    def fifty_regions_stay_usable(self):
        self.fixture.say("crowd", "tick 3")
        self.browser.size(1280, 900)
        self.browser.open(f"{self.fixture.address}?collection=crowd")
        assert self.count("#cells tbody a") == 2450
        assert self.count("#targets tbody tr") == 50
        self.browser.run("document.querySelector('.matrix').scrollTo(1500, 900)")
        stuck = self.browser.run("""(() => {
            const box = document.querySelector('.matrix').getBoundingClientRect();
            const top = document.querySelector('#cells thead th:last-child').getBoundingClientRect();
            const left = document.querySelector('#cells tbody tr:last-child th').getBoundingClientRect();
            return [Math.round(top.top - box.top), Math.round(left.left - box.left)];
        })()""")
        assert max(map(abs, stuck)) <= 8, stuck
        self.browser.run("document.querySelector('#matrix').scrollIntoView()")
        self.picture("crowd", whole=False)
        self.audits("wide", "ids")
        self.browser.size(1280, 900)
        self.browser.media(prefers_color_scheme="light")

    def without_scripts_it_is_all_there(self):
        self.browser.scripts(False)
        self.browser.open(f"{self.fixture.address}?collection=packages")
        self.picture("plain")
        spoken = self.browser.accessible()
        names = " ".join(name for _, name in spoken)
        assert "Converged" in names and "eu to us: ok, lag 0 s" in names, names[:500]
        assert sum(role in ("image", "img", "graphics-document") for role, _ in spoken) >= 5
        html = self.browser.run("document.documentElement.outerHTML")
        assert 'http-equiv="refresh"' in html
        assert self.count(".trend .spark path") == 4
        self.sound("contrast", "wide")
        self.browser.scripts(True)

    def nothing_was_said_on_the_console_and_nothing_asked_outside(self):
        self.clean()

    def a_script_that_slips_in_is_stopped_by_the_policy_and_noticed_here(self):
        self.browser.run("""(() => {
            const at = document.createElement('script');
            at.textContent = 'window.slipped = true';
            document.body.append(at);
            at.remove();
        })()""")
        assert self.browser.run("window.slipped") is None
        try:
            self.clean()
        except AssertionError as error:
            assert "Content Security Policy" in str(error), error
        else:
            raise AssertionError("clean() does not see a violation of the policy")
        # Planted here, since even a document that is only parsed is held to the policy.
        for fault in ("<p style='color: red'>", "<p onclick='x'>", "<style></style>",
                      "<script>1</script>", "<script src='//elsewhere.example/x.js'></script>"):
            assert self.browser.run(f"{self.audit}.inline("
                                    f"new DOMParser().parseFromString({fault!r}, 'text/html'))"
                                    ), fault

    def a_monitor_that_is_gone_is_said_to_be(self):
        self.browser.open(f"{self.fixture.address}?collection=packages")
        self.fixture.say("deaf")
        self.browser.until("document.querySelector('#trouble').textContent"
                           ".startsWith('The monitor has not answered')")
        assert self.text("h1") == "Converged", "what was known stays"
        self.picture("gone")

    def who_gives_the_token_as_a_password_sees_the_page_live(self):
        token = os.path.join(self.folder, "token")
        with open(token, "w", encoding="ascii") as file:
            os.chmod(token, 0o600)
            file.write("s3cret-t0ken\n")
        closed = Fixture(*self.fixture.command, token)
        try:
            self.browser.open(closed.address.replace("//", "//anybody:wr0ng@"))
            assert self.count("#main") == 0, "the page is shown without the token"
            self.browser.open(closed.address.replace("//", "//anybody:s3cret-t0ken@"))
            look = closed.say("begin", "tick 5")
            self.browser.until(f"Number(document.body.dataset.look) >= {look}")
            assert self.text("h1") == "Converged", self.text("h1")
            assert not self.text("#trouble"), self.text("#trouble")
            self.browser.until("!window.uPlot || "
                               "document.querySelectorAll('figure .u-wrap').length >= 2")
        finally:
            status = closed.close()
        assert status == 0, f"the fixture ended with {status}"


TOLD = [name for name in vars(Story) if "_" in name and not name.startswith("_")]


def main():
    fixture_path, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    begun = time.monotonic()
    fixture = Fixture(fixture_path)
    browser, failed = None, 0
    try:
        browser = chromium.Chromium()
        story = Story(browser, fixture, folder)
        for name in TOLD:
            at = time.monotonic()
            try:
                getattr(story, name)()
                print(f"ok   {name.replace('_', ' ')} ({time.monotonic() - at:.1f} s)",
                      flush=True)
            except Exception:  # the story goes on: later tests say how far it reaches
                failed += 1
                print(f"FAIL {name.replace('_', ' ')} ({time.monotonic() - at:.1f} s)",
                      flush=True)
                traceback.print_exc(limit=3, file=sys.stdout)
                if fixture.process.poll() is not None:
                    break
    finally:
        if browser is not None:
            browser.close()
        status = fixture.close()
    if status != 0:
        print(f"FAIL the fixture ended with {status}")
        failed += 1
    print(f"{len(TOLD)} tests, {failed} failed, {time.monotonic() - begun:.1f} s; "
          f"pictures in {folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
