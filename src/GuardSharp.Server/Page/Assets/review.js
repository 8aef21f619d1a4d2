// Decisions of the audit store, for a person to say whether they were right.
import { call, element, guarded } from './api.js';

const get = id => document.getElementById(id);
const table = get('decisions');
const body = table.querySelector('tbody');
let next = null;

export async function show(isMore = false) {
  const query = new URLSearchParams({ limit: '25', content: 'true' });
  for (const name of ['unsafe', 'labelled', 'category']) {
    const value = get(`filter-${name}`).value.trim();
    if (value) query.set(name, value);
  }
  if (isMore && next) query.set('cursor', next);
  const page = await guarded(() => call(`v1/audit/decisions?${query}`));
  if (!page) {
    table.hidden = true;
    return;
  }
  if (!isMore) body.replaceChildren();
  body.append(...page.data.map(row));
  next = page.next ?? null;
  table.hidden = !body.children.length;
  get('no-decisions').hidden = !table.hidden;
  get('no-decisions').textContent = 'No decision fits.';
  get('more').hidden = !next;
}

function row(decision) {
  const made = element('tr');
  const badge = element('span', `badge ${decision.unsafe ? 'is-unsafe' : 'is-safe'}`, decision.unsafe ? 'unsafe' : 'safe');
  const verdict = element('td');
  verdict.append(badge);
  made.append(
    element('td', 'nowrap', new Date(decision.time).toLocaleString()), verdict,
    element('td', '', `${decision.unsafeProbability.toFixed(3)} / ${decision.threshold.toFixed(2)}`),
    element('td', '', decision.categories.join(', ')), element('td', '', decision.task),
    element('td', '', `${decision.model}, ${decision.policyVersion}`), element('td', '', decision.key), labelCell(decision));
  if (!decision.messages) return made;
  const content = element('tr');
  const cell = element('td');
  cell.colSpan = 8;
  cell.append(element('pre', '', decision.messages.map(message => `${message.role}: ${text(message.content)}`).join('\n')));
  content.append(cell);
  const both = document.createDocumentFragment();
  both.append(made, content);
  return both;
}

function text(content) {
  if (typeof content === 'string') return content;
  return (content ?? []).map(part => part.type === 'text' ? part.text : `[${part.type}]`).join(' ');
}

function labelCell(decision) {
  const cell = element('td', 'nowrap');
  const said = element('span', '', decision.label ? `${decision.label.correct ? 'right' : 'wrong'} (${decision.label.reviewer}) ` : '');
  cell.append(said);
  for (const [word, correct] of [['Right', true], ['Wrong', false]]) {
    const button = element('button', '', word);
    button.type = 'button';
    button.setAttribute('aria-label', `${word}: the verdict of ${new Date(decision.time).toLocaleString()}`);
    button.addEventListener('click', async () => {
      const label = await guarded(() => call(`v1/audit/decisions/${decision.id}/label`, { correct }));
      if (label) said.textContent = `${label.correct ? 'right' : 'wrong'} (${label.reviewer}) `;
    });
    cell.append(button, ' ');
  }
  return cell;
}
