// Tabs as the ARIA practices describe them: arrow keys, Home and End move, one tab stop. The address keeps the view.

export function startTabs(list: HTMLElement, onSelect: (name: string) => void): void {
  const tabs = [...list.querySelectorAll<HTMLButtonElement>('[role=tab]')];

  const select = (chosen: HTMLButtonElement): void => {
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute('aria-controls') ?? '');
      if (panel) panel.hidden = !on;
    }
    const name = chosen.id.replace('tab-', '');
    const hash = name === 'train' ? '' : `#${name}`;
    if (location.hash !== hash) history.replaceState(null, '', location.pathname + location.search + hash);
    onSelect(name);
  };

  for (const tab of tabs) tab.addEventListener('click', () => select(tab));

  list.addEventListener('keydown', (event) => {
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    const last = tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    const tab = to === undefined || at < 0 ? undefined : tabs[to];
    if (!tab) return;
    event.preventDefault();
    select(tab);
    tab.focus();
  });

  const fromAddress = (): void => {
    const tab = tabs.find((tab) => `#${tab.id.replace('tab-', '')}` === location.hash);
    if (tab) select(tab);
  };
  addEventListener('hashchange', fromAddress);
  fromAddress();
}
