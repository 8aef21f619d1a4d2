// The page: two views, the choice of model and policy, and the question itself.
import { call, guarded } from './api.js';
import { addTurn, clear, messages, nextRole } from './conversation.js';
import { show as showDecisions } from './review.js';
import { showVerdict } from './verdict.js';

const get = id => document.getElementById(id);
const tabs = [get('tab-judge'), get('tab-review')];

function select(tab) {
  for (const other of tabs) {
    const isSelected = other === tab;
    other.setAttribute('aria-selected', String(isSelected));
    other.tabIndex = isSelected ? 0 : -1;
    get(other.getAttribute('aria-controls')).hidden = !isSelected;
  }
  if (tab.id === 'tab-review') showDecisions();
}

for (const tab of tabs) {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('keydown', event => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = tabs[1 - tabs.indexOf(tab)];
    select(other);
    other.focus();
  });
}

// Fills a choice; the first entry sends nothing.
function offer(list, first, entries) {
  const chosen = list.value;
  list.replaceChildren(new Option(first, ''), ...entries.map(([value, text]) => new Option(text, value)));
  list.value = chosen;
}

async function readChoices() {
  await guarded(async () => {
    const [models, policies] = await Promise.all([call('v1/models'), call('v1/guard/policies')]);
    offer(get('model'), models.data.length ? `default (${models.data[0].id})` : 'default', models.data.slice(1).map(model => [model.id, model.id]));
    offer(get('policy'), "the model's own", policies.policies.map(policy => [policy.name, policy.version]));
  });
}

async function judge(event) {
  event?.preventDefault();
  const send = get('send');
  if (send.disabled) return;
  send.disabled = true;
  await guarded(async () => {
    const request = { messages: messages() };
    if (get('model').value) request.model = get('model').value;
    if (get('policy').value) request.policy = get('policy').value;
    const started = performance.now();
    const threshold = get('threshold').value;
    const verdict = await call('v1/guard/classify', threshold === '' ? request : { ...request, threshold: Number(threshold) });
    const milliseconds = performance.now() - started;
    // The verdict counts even where this guard has no prompt to show (it may run elsewhere).
    const prompt = await call('v1/guard/prompt', request).catch(() => null);
    showVerdict(verdict, prompt, milliseconds);
  });
  send.disabled = false;
}

get('conversation').addEventListener('submit', judge);
document.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !get('judge').hidden) judge(event);
});
get('add-turn').addEventListener('click', () => addTurn(nextRole()).querySelector('.text').focus());
get('clear').addEventListener('click', clear);
get('filter').addEventListener('submit', event => { event.preventDefault(); showDecisions(); });
get('more').addEventListener('click', () => showDecisions(true));
get('key-form').addEventListener('submit', event => { event.preventDefault(); readChoices(); });
get('key').addEventListener('change', readChoices);
get('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = isDark ? 'light' : 'dark';
});

addTurn();
readChoices();
