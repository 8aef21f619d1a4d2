// Calls to this server. The key lives in this page's memory alone.
const key = document.getElementById('key');

export class ApiError extends Error {}

export async function call(path, body) {
  const headers = {};
  if (key.value) headers.Authorization = `Bearer ${key.value}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, { method: body === undefined ? 'GET' : 'POST', headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError('The server does not answer.');
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new ApiError(answer?.error?.message ?? `The server answered ${response.status}.`);
  }
  return answer;
}

const notice = document.getElementById('notice');

// Runs something that calls the server, and shows what went wrong.
export async function guarded(action) {
  notice.hidden = true;
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notice.textContent = error.message;
    notice.hidden = false;
    return undefined;
  }
}

// An element with text, never markup: what users wrote stays what it is.
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
