// Shows a verdict, and the prompt it was read from.
import { element } from './api.js';

const get = id => document.getElementById(id);
const percent = value => `${(100 * value).toFixed(value > 0.0995 ? 0 : 1)} %`;

// A bar; its colour says whether the value reaches the threshold.
function fill(gauge, value, threshold, isOver) {
  gauge.classList.toggle('over', isOver);
  gauge.querySelector('.fill').style.width = `${100 * value}%`;
  const mark = gauge.querySelector('.mark');
  if (mark) mark.style.left = `calc(${100 * threshold}% - 1px)`;
}

export function showVerdict(verdict, prompt, milliseconds) {
  get('no-verdict').hidden = true;
  get('verdict').hidden = false;
  const badge = get('badge');
  badge.textContent = verdict.unsafe ? 'unsafe' : 'safe';
  badge.className = `badge ${verdict.unsafe ? 'is-unsafe' : 'is-safe'}`;
  fill(get('gauge'), verdict.unsafeProbability, verdict.threshold, verdict.unsafe);
  get('gauge').setAttribute('aria-label', `P(unsafe) ${percent(verdict.unsafeProbability)}, threshold ${percent(verdict.threshold)}`);
  get('summary').textContent = `P(unsafe) = ${verdict.unsafeProbability.toFixed(3)}, threshold ${verdict.threshold.toFixed(2)}. `
    + (verdict.unsafe ? `Violated: ${verdict.categories.length ? verdict.categories.join(', ') : 'no category of this policy'}.` : 'Nothing is violated.');
  get('warnings').replaceChildren(...verdict.warnings.map(warning => element('li', '', warning)));
  showCategories(verdict, prompt);
  showFacts(verdict, milliseconds);
  showPrompt(prompt);
}

function showCategories(verdict, prompt) {
  const names = new Map((prompt?.policy ?? []).map(category => [category.code, category.name]));
  get('categories').replaceChildren(...Object.entries(verdict.categoryProbabilities).map(([code, probability]) => {
    const isViolated = verdict.categories.includes(code);
    const row = element('tr', isViolated ? 'violated' : '');
    const head = element('th', '', names.has(code) ? `${code} ${names.get(code)}` : code);
    head.scope = 'row';
    const bar = element('td', 'bar');
    const gauge = element('div', 'gauge');
    gauge.append(element('span', 'fill'));
    fill(gauge, probability, 0, isViolated);
    bar.append(gauge);
    row.append(head, bar, element('td', 'number', percent(probability)));
    return row;
  }));
}

function showFacts(verdict, milliseconds) {
  const tokens = `${verdict.tokens.prompt}${verdict.tokens.image ? `, ${verdict.tokens.image} of them pictures` : ''}`;
  const facts = [
    ['Judged as', verdict.task],
    ['Model', verdict.model],
    ['Policy', verdict.policyVersion],
    ['Prompt tokens', tokens],
    ['Time', `${verdict.elapsedMilliseconds.toFixed(1)} ms in the guard (${verdict.queuedMilliseconds.toFixed(1)} ms of it waiting), ${milliseconds.toFixed(0)} ms seen from here`],
    ['Uncertainty', verdict.categoryUncertainty ? `categories may be up to ${percent(verdict.categoryUncertainty)} higher` : 'none'],
    ['Decision', verdict.id],
  ];
  get('facts').replaceChildren(...facts.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', value)]));
}

function showPrompt(prompt) {
  get('prompt-box').hidden = !prompt;
  if (!prompt) return;
  const places = prompt.neutralised.reduce((sum, turn) => sum + turn.places, 0);
  get('neutralised').hidden = !places;
  get('neutralised').textContent = `Text that imitates the prompt's own structure was marked as quoted, ${places === 1 ? 'in one place' : `in ${places} places`}; the marks are highlighted.`;
  get('prompt').replaceChildren(...prompt.segments.flatMap(segment => segment.kind === 'text' ? marked(segment.text, places > 0) : [element('span', 'special', segment.text)]));
  if (places) get('prompt-box').open = true;
}

// Where something was neutralised the mark that was put in is highlighted.
function marked(text, isNeutralised) {
  if (!isNeutralised) return [document.createTextNode(text)];
  return text.split('(quoted) ').flatMap((piece, i) => i ? [element('mark', '', '(quoted) '), document.createTextNode(piece)] : [document.createTextNode(piece)]);
}
