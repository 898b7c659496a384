// A server that verifies the key in the Authorization header with better-auth's API-key plugin, on SQLite.
// Arguments: its port, the file of its database, how many keys to create, and the file to write them to, one in a line.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";

const [port, file, count, keysFile] = process.argv.slice(2);
const database = new DatabaseSync(file);
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"); // no fsync for each verification, which writes a row
const options = {
  database,
  secret: "a secret of the benchmark alone, of 32 characters or more",
  baseURL: `http://127.0.0.1:${port}`,
  emailAndPassword: { enabled: true },
  logger: { disabled: true },
  telemetry: { enabled: false },
  plugins: [apiKey({ rateLimit: { enabled: false } })], // else a key is accepted ten times a day
};
const auth = betterAuth(options);
await (await getMigrations(options)).runMigrations();
const body = { name: "Jane", email: "jane@example.com", password: "a password of the benchmark" };
const { user } = await auth.api.signUpEmail({ body });
const keys = [];
database.exec("BEGIN");
while (keys.length < Number(count)) {
  keys.push((await auth.api.createApiKey({ body: { userId: user.id, name: "Key" } })).key);
}
database.exec("COMMIT");
writeFileSync(keysFile, keys.join("\n"));

createServer(async (request, response) => {
  const key = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const { valid, key: row } = await auth.api.verifyApiKey({ body: { key } });
  const answer = JSON.stringify(valid ? { keyId: row.id } : {});
  response.writeHead(valid ? 200 : 401, { "Content-Type": "application/json", "Content-Length": answer.length });
  response.end(answer);
}).listen(Number(port), "127.0.0.1");
