"""Pages looked at in a real browser, as wide as a phone and as a desk's screen."""

import html
import json
import re
import shutil
import subprocess

import matplotlib.image
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NEEDS_A_BROWSER = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on PATH (Debian: apt-get install chromium)"
)

# The page is shown in a frame, because Chromium's own window is never narrower than 500 pixels.
PROBE = """<!DOCTYPE html><style>body {{ margin: 0 }} iframe {{ border: 0; display: block }}</style>
<iframe width={width} height=1500 srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument;
  const outside = [...page.body.querySelectorAll("*")].filter(
    e => !e.parentElement.closest(".scroll") && e.getBoundingClientRect().right > {width} + 0.5);
  document.body.append(Object.assign(document.createElement("pre"), {{textContent: JSON.stringify({{
    scrollWidth: page.documentElement.scrollWidth,
    cut: [...page.querySelectorAll("table, td, th")].filter(
      e => e.scrollWidth > e.clientWidth + 1 || e.closest(".scroll")).map(e => e.outerHTML.slice(0, 80)),
    outside: outside.map(e => e.outerHTML.slice(0, 80)),
    images: [...page.images].every(e => e.complete && e.naturalWidth > 0),
  }})}}));
}});
</script>"""


def require_readable(text, width, tmp_path):
    """Nothing reaches beyond the screen but figures in their boxes; no table or cell is cut off."""
    page = html.escape(text)
    (tmp_path / "probe.html").write_text(PROBE.format(width=width, page=page))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={max(width, 500)},1500"]
    picture = tmp_path / "page.png"
    dom = [*command, "--dump-dom", str(tmp_path / "probe.html")]
    shown = subprocess.run(dom, capture_output=True, text=True, timeout=120)
    found = json.loads(html.unescape(re.search("<pre>(.*)</pre>", shown.stdout).group(1)))
    assert found == {"scrollWidth": width, "outside": [], "cut": [], "images": True}
    command += [f"--screenshot={picture}", str(tmp_path / "probe.html")]
    subprocess.run(command, capture_output=True, timeout=120)
    pixels = matplotlib.image.imread(picture)[:, :width, :3]
    assert pixels.shape[1] == width
    # text and curves on white
    assert 0.005 < (pixels.min(axis=2) < 0.6).mean() < 0.3
