// Drives Castore's own adapters: node castore.mjs castore|castore-single-table TABLE EVENT_STORE_ID
//
// Takes commands as lines of JSON and answers each with a line: {"ok": …}, or {"error": {name, message}}.
//   {"push": EVENT, "force"?: bool}     {"get": AGGREGATE_ID, …options}
//   {"group": [EVENT, …], "force"?}     {"list": {…options}}
// EVENT: {aggregateId, version, type, timestamp?, payload?, metadata?}; the options are Castore's.
// The endpoint is FACTLOG_DYNAMODB_ENDPOINT, region and credentials are those of every AWS tool.
import { createInterface } from 'node:readline';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GroupedEvent } from '@castore/core';
import {
  DynamoDBSingleTableEventStorageAdapter,
  LegacyDynamoDBEventStorageAdapter,
} from '@castore/event-storage-adapter-dynamodb';

const [layout, tableName, eventStoreId] = process.argv.slice(2);
const Adapter = {
  castore: LegacyDynamoDBEventStorageAdapter,
  'castore-single-table': DynamoDBSingleTableEventStorageAdapter,
}[layout];
const dynamoDBClient = new DynamoDBClient({ endpoint: process.env.FACTLOG_DYNAMODB_ENDPOINT });
const adapter = new Adapter({ tableName, dynamoDBClient });
const context = { eventStoreId };

const answer = ({ push, get, group, list, force, ...options }) => {
  if (push) return adapter.pushEvent(push, { ...context, force });
  if (get) return adapter.getEvents(get, context, options);
  if (list) return adapter.listAggregateIds(context, list);
  const events = group.map(
    (event) => new GroupedEvent({ event, context, eventStorageAdapter: adapter }),
  );
  return adapter.pushEventGroup({ force }, ...events);
};

for await (const line of createInterface({ input: process.stdin })) {
  const said = await Promise.resolve()
    .then(() => answer(JSON.parse(line)))
    .then((ok) => ({ ok }), ({ name, message }) => ({ error: { name, message } }));
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
