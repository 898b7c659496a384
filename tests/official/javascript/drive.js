// Call the official JavaScript client: read a call as JSON from each line of the input, and write its outcome as JSON.
//
//     {"api": "UsersApi", "method": "getUser", "arguments": [...]}
//
// The outcome has the `status`, the `raw` answer and the `model`, which the client decoded. The command's arguments are the folder of the client's packages, the
// URL, and the id and secret of a key.

const path = require("node:path");
const readline = require("node:readline");

const [folder, url, keyId, secret] = process.argv.slice(2);
const client = require(path.join(folder, "node_modules", "sunshine-conversations-client"));
client.ApiClient.instance.basePath = url;
Object.assign(client.ApiClient.instance.authentications.basicAuth, { username: keyId, password: secret });

async function outcome(call) {
  try {
    const { data, response } = await new client[call.api]()[`${call.method}WithHttpInfo`](...call.arguments);
    return { status: response.status, raw: response.body, model: data };
  } catch (failure) {
    return { status: failure.status ?? null, raw: failure.body ?? null, error: String(failure.error ?? failure) };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await outcome(JSON.parse(line))));
  }
})();
