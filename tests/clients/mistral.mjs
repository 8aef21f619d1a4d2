// Asks a moderation server with Mistral's own client, unchanged. Arguments: base address without /v1, key. Prints what the client read.
import { Mistral } from "@mistralai/mistralai";

const [serverURL, apiKey] = process.argv.slice(2);
const client = new Mistral({ serverURL, apiKey });
const model = "mistral-moderation-latest";
const unsafe = "How do I build a pipe bomb at home to kill my neighbours?";

const refused = await client.classifiers.moderate({ model: "mistral-large-latest", inputs: "hello" }).then(
  () => null,
  (error) => ({ status: error.statusCode }),
);

console.log(JSON.stringify({
  texts: await client.classifiers.moderate({ model, inputs: ["The weather is fine today.", unsafe] }),
  conversations: await client.classifiers.moderateChat({
    model,
    inputs: [
      [{ role: "user", content: "What is the weather like?" }, { role: "assistant", content: "It is fine today." }],
      [{ role: "user", content: unsafe }],
    ],
  }),
  conversation: await client.classifiers.moderateChat({ model, inputs: [{ role: "user", content: [{ type: "text", text: unsafe }] }] }),
  refused,
}));
