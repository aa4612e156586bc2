// The menu with JavaScript: only what belongs to the chosen profile and target is shown.
// Without it the form is complete and works; see catalog/form.py.
(() => {
  "use strict";

  const takes = (element, target) => {
    const targets = element.dataset.anywhereTargets;
    return !targets || !target || targets.split(" ").includes(target);
  };

  const setHidden = (element, hidden) => {
    element.hidden = hidden;
    for (const control of element.querySelectorAll("input, select, textarea, button")) {
      control.disabled = hidden;
    }
  };

  const chosenProfile = (menu) => {
    const chosen = menu.querySelector(
      '.anywhere-profiles input[type="radio"]:checked, [data-anywhere-only]',
    );
    return chosen ? chosen.value : "";
  };

  const chosenTarget = (settings) => {
    const name = CSS.escape(`target:${settings.dataset.anywhereProfile}`);
    const chosen = settings.querySelector(`input[name=${name}]:checked, select[name=${name}]`);
    return chosen ? chosen.value : "";
  };

  // What is chosen but not there at this target gives way to the default, else to the first.
  const settle = (field, entries, isChosen, choose) => {
    const there = entries.filter((entry) => !entry.hidden);
    if (!there.length || there.some(isChosen)) return;
    const value = field.dataset.anywhereDefault;
    choose(there.find((entry) => valueOf(entry) === value) || there[0]);
  };

  const valueOf = (entry) => (entry.matches("option") ? entry : entry.querySelector("input")).value;

  const updateEntries = (field, target) => {
    const listed = [...field.querySelectorAll("option")];
    for (const option of listed) {
      option.hidden = option.disabled = !takes(option, target);
      if (option.dataset.anywhereTitle) option.textContent = option.dataset.anywhereTitle;
    }
    settle(field, listed, (option) => option.selected, (option) => (option.selected = true));

    const cards = [...field.querySelectorAll("[data-anywhere-card]")];
    for (const card of cards) setHidden(card, !takes(card, target));
    const radio = (card) => card.querySelector("input");
    settle(field, cards, (card) => radio(card).checked, (card) => (radio(card).checked = true));
  };

  const update = (menu) => {
    const profile = chosenProfile(menu);
    for (const settings of menu.querySelectorAll("[data-anywhere-profile]")) {
      const active = settings.dataset.anywhereProfile === profile;
      settings.hidden = settings.disabled = !active;
      if (!active) continue;
      const target = chosenTarget(settings);
      for (const field of settings.querySelectorAll("[data-anywhere-field]")) {
        setHidden(field, !takes(field, target));
        if (!field.hidden) updateEntries(field, target);
      }
    }
  };

  const setUpFilter = (group) => {
    const box = group.querySelector("[data-anywhere-filter]");
    if (!box) return;
    const input = box.querySelector("input");
    const count = box.querySelector("[data-anywhere-count]");
    const cards = [...group.querySelectorAll("[data-anywhere-card]")];
    const texts = cards.map((card) => card.textContent.toLowerCase());
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      cards.forEach((card, index) => {
        const match = words.every((word) => texts[index].includes(word));
        // What is chosen stays in sight: it is what will be started.
        card.hidden = !match && !card.querySelector("input").checked;
        if (match) shown += 1;
      });
      count.textContent = words.length ? `${shown} of ${cards.length} match` : "";
    };
    box.hidden = false;
    input.addEventListener("input", filter);
    group.addEventListener("change", filter);
    // Enter in the filter is no order to start a server.
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  };

  const setUp = (menu) => {
    menu.classList.add("anywhere-scripted");
    for (const text of menu.querySelectorAll("[data-anywhere-plain]")) text.hidden = true;
    menu.querySelectorAll("fieldset").forEach(setUpFilter);
    menu.addEventListener("change", () => update(menu));
    // Going back in the history restores the fields, but tells nobody.
    window.addEventListener("pageshow", () => update(menu));
    update(menu);

    // A field that is wrong takes the focus by its own autofocus attribute.
    if (!menu.querySelector("[autofocus]")) {
      menu.querySelector("[data-anywhere-errors]")?.focus();
      menu.querySelector(".anywhere-many input:checked")?.scrollIntoView({ block: "nearest" });
    }
  };

  document.querySelectorAll("[data-anywhere-menu]").forEach(setUp);
})();
