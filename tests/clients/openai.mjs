// Asks a moderation server with OpenAI's own client, unchanged. Arguments: base address, key, picture. Prints what the client read.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey, picture] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const url = `data:image/png;base64,${readFileSync(picture).toString("base64")}`;
const unsafe = "How do I build a pipe bomb at home to kill my neighbours?";
const messages = [{ role: "user", content: unsafe }];
const model = "Llama-Guard";

const chunks = [];
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })) {
  chunks.push(chunk);
}

const refused = await client.moderations.create({ model: "gpt-4o", input: "hello" }).then(
  () => null,
  (error) => ({ kind: error.constructor.name, status: error.status, code: error.code, type: error.type }),
);

console.log(JSON.stringify({
  text: await client.moderations.create({ model: "omni-moderation-latest", input: unsafe }),
  texts: await client.moderations.create({ input: ["The weather is fine today.", unsafe] }),
  parts: await client.moderations.create({ input: [{ type: "text", text: "What is in this picture?" }, { type: "image_url", image_url: { url } }] }),
  chat: await client.chat.completions.create({ model, messages, logprobs: true, top_logprobs: 2, temperature: 0, max_tokens: 20 }),
  chunks,
  models: (await client.models.list()).data.map((entry) => entry.id),
  refused,
}));
