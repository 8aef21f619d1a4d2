// The editor: turns with text and pictures.
import { ApiError, element } from './api.js';

const list = document.getElementById('turns');
const template = document.getElementById('turn-template');
const kinds = ['image/png', 'image/jpeg', 'image/webp'];
const pictures = new WeakMap();

export function addTurn(role = 'user', text = '') {
  const turn = template.content.cloneNode(true).firstElementChild;
  const file = turn.querySelector('.file');
  pictures.set(turn, []);
  turn.querySelector('.role').value = role;
  turn.querySelector('.text').value = text;
  turn.querySelector('.remove').addEventListener('click', () => {
    turn.remove();
    if (!list.children.length) addTurn();
    list.lastElementChild.querySelector('.text').focus();
  });
  turn.querySelector('.picture').addEventListener('click', () => file.click());
  file.addEventListener('change', () => { addPictures(turn, file.files); file.value = ''; });
  turn.addEventListener('dragover', event => { event.preventDefault(); turn.classList.add('over'); });
  turn.addEventListener('dragleave', () => turn.classList.remove('over'));
  turn.addEventListener('drop', event => {
    event.preventDefault();
    turn.classList.remove('over');
    addPictures(turn, event.dataTransfer.files);
  });
  turn.addEventListener('paste', event => addPictures(turn, event.clipboardData.files));
  list.append(turn);
  return turn;
}

export function clear() {
  list.replaceChildren();
  addTurn().querySelector('.text').focus();
}

// The role that most likely speaks next.
export function nextRole() {
  return list.lastElementChild?.querySelector('.role').value === 'user' ? 'assistant' : 'user';
}

export function messages() {
  const read = [...list.children].map(turn => {
    const text = turn.querySelector('.text').value;
    const parts = pictures.get(turn).map(url => ({ type: 'image_url', image_url: { url } }));
    if (text) parts.push({ type: 'text', text });
    return { role: turn.querySelector('.role').value, content: parts.length === 1 && text ? text : parts };
  });
  const empty = read.findIndex(message => !message.content.length);
  if (empty >= 0) throw new ApiError(`Turn ${empty + 1} is empty. Write something, add a picture, or remove the turn.`);
  return read;
}

function addPictures(turn, files) {
  for (const file of files) {
    if (!kinds.includes(file.type)) continue;
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      pictures.get(turn).push(reader.result);
      const button = element('button');
      button.type = 'button';
      button.title = 'Remove this picture';
      button.setAttribute('aria-label', `Remove ${file.name}`);
      const image = element('img');
      image.src = reader.result;
      image.alt = file.name;
      button.append(image);
      button.addEventListener('click', () => {
        pictures.set(turn, pictures.get(turn).filter(url => url !== reader.result));
        button.remove();
      });
      turn.querySelector('.pictures').append(button);
    });
    reader.readAsDataURL(file);
  }
}
