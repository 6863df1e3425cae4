// Requests to the server of a page.
"use strict";

const TOKEN = new URLSearchParams(location.search).get("token") ?? "";

async function ask(path, question) {
  const options = { headers: { "X-Token": TOKEN } };
  if (question !== undefined) {
    Object.assign(options, { method: "POST", body: JSON.stringify(question) });
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server of this page does not respond. It may have been stopped; start it again in the terminal.");
  }
  if (!response.ok) {
    const text = await response.text();
    let message = text;
    try { message = JSON.parse(text).message ?? text; } catch { /* not JSON: shown unchanged */ }
    throw new Error(message);
  }
  return response;
}

const askJson = async (path, question) => (await ask(path, question)).json();

// Returns { answer, cells }: what the server says about a volume, and its bytes.
async function askVolume(path, question) {
  const response = await ask(path, question);
  return { answer: JSON.parse(response.headers.get("X-Answer")), cells: new Uint8Array(await response.arrayBuffer()) };
}

// Returns the answer to a question, or undefined if it failed or a newer one of its kind was asked meanwhile.
async function latest(kind, question) {
  const number = ++state.asked[kind];
  try {
    const answer = await question();
    return number === state.asked[kind] ? answer : undefined;
  } catch (error) {
    if (number === state.asked[kind]) setStatus(error.message, true);
    return undefined;
  }
}
