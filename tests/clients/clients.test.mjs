// Real GraphQL clients against a running gateway in front of the emulated CRMs: Relay, Apollo Client and urql page, write
// and refuse as their users would; the schema keeps the rules their tools hold; the GraphQL-over-HTTP audits pass.
//
//   CRMQL_URL=http://127.0.0.1:8080 node --test clients.test.mjs

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import { Client, fetchExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import {
  buildClientSchema, buildSchema, getIntrospectionQuery, getNamedType, isInterfaceType, isNonNullType, isObjectType,
  isSpecifiedDirective, lexicographicSortSchema, printSchema, validateSchema,
} from 'graphql';
import { serverAudits } from 'graphql-http';

const gateway = process.env.CRMQL_URL ?? 'http://127.0.0.1:8080';
const url = `${gateway}/graphql`;
const folder = fileURLToPath(new URL('.', import.meta.url));
const require = createRequire(import.meta.url);
const sdl = await (await fetch(`${gateway}/schema.graphql`)).text();
writeFileSync(`${folder}/schema.graphql`, sdl);

/** One operation without any client. */
async function ask(query, variables = {}) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  });
  return answer.json();
}

/** The ids of a whole list, asked for in one window. */
async function allIds(source) {
  const ids = [];
  for (let after = null; ;) {
    const { data } = await ask(
      'query ($s: String!, $after: String) { customers(sources: [$s], first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }',
      { s: source, after },
    );
    ids.push(...data.customers.nodes.map((node) => node.id));
    if (!data.customers.pageInfo.hasNextPage) return ids;
    after = data.customers.pageInfo.endCursor;
  }
}

function run(program, ...parameters) {
  try {
    return execFileSync(process.execPath, [require.resolve(program), ...parameters], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`${program}: ${error.stdout}${error.stderr}`);
  }
}

describe('the schema', () => {
  const schema = buildSchema(sdl);
  const types = Object.values(schema.getTypeMap()).filter((type) => !type.name.startsWith('__'));

  test('is valid, and introspection tells the same', async () => {
    assert.deepEqual(validateSchema(schema), []);
    const { data, errors } = await ask(getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, directiveIsRepeatable: true }));
    assert.equal(errors, undefined);
    const told = buildClientSchema(data);
    assert.deepEqual(validateSchema(told), []);
    const printed = [told, schema].map((each) => printSchema(lexicographicSortSchema(each)).split('\n\n'));
    const only = (index) => printed[index].filter((part) => !printed[1 - index].includes(part));
    assert.deepEqual({ introspection: only(0), sdl: only(1) }, { introspection: [], sdl: [] });
    const own = told.getDirectives().filter((directive) => !isSpecifiedDirective(directive)).map(String);
    assert.deepEqual(own, []);
  });

  test('keeps the rules of a schema linter', () => {
    const rules = [
      'relay-connection-types-spec', 'relay-connection-arguments-spec', 'relay-page-info-spec',
      'types-have-descriptions', 'fields-have-descriptions', 'arguments-have-descriptions', 'enum-values-have-descriptions',
      'input-object-values-have-descriptions', 'descriptions-are-capitalized',
      'types-are-capitalized', 'fields-are-camel-cased', 'input-object-values-are-camel-cased', 'enum-values-all-caps',
      'defined-types-are-used', 'deprecations-have-a-reason',
    ];
    run('graphql-schema-linter/lib/cli.js', '--rules', rules.join(','), 'schema.graphql');
  });

  test('has edges, connections and nodes as Relay wants them', () => {
    const objects = types.filter(isObjectType);
    for (const edge of objects.filter((type) => type.name.endsWith('Edge'))) {
      const { node, cursor } = edge.getFields();
      assert.equal(String(cursor.type), 'String!', edge.name);
      assert.ok(isObjectType(getNamedType(node.type)), edge.name);
    }
    for (const connection of objects.filter((type) => type.name.endsWith('Connection'))) {
      const { edges, pageInfo } = connection.getFields();
      assert.ok(getNamedType(edges.type).name.endsWith('Edge'), connection.name);
      assert.equal(String(pageInfo.type), 'PageInfo!', connection.name);
    }
    const node = schema.getType('Node');
    assert.ok(isInterfaceType(node));
    for (const type of schema.getPossibleTypes(node)) {
      assert.equal(String(type.getFields().id.type), 'ID!', type.name);
    }
    assert.equal(String(schema.getQueryType().getFields().node.type), 'Node');
    assert.ok(!isNonNullType(schema.getQueryType().getFields().customers.type));
  });

  test('an edge that a write makes is of the type the list has', () => {
    const made = getNamedType(schema.getType('CreateCustomerPayload').getFields().customerEdge.type).name;
    const listed = getNamedType(schema.getType('CustomerConnection').getFields().edges.type).name;
    assert.equal(made, listed);
  });
});

describe('Relay', () => {
  const runtime = require('relay-runtime');
  const { ConnectionHandler, Environment, Network, RecordSource, Store, commitMutation, fetchQuery, getSingularSelector } = runtime;
  const artifact = (name) => require(`./relay/__generated__/${name}.graphql.js`);
  const source = 'flextell';

  before(() => {
    mkdirSync(`${folder}/relay/__generated__`, { recursive: true });
    run('relay-compiler/cli.js');
  });

  const environment = () => new Environment({
    store: new Store(new RecordSource()),
    getDataID: (record, type) => (type === 'Owner' ? null : record.id),
    network: Network.create((operation, variables) => ask(operation.text, variables)),
  });
  const fetched = (relay, name, variables) => fetchQuery(relay, artifact(name), variables).toPromise();
  const listed = (relay, sources) => {
    const connection = `client:root:__Customers_customers_connection(sources:${JSON.stringify(sources)})`;
    const record = relay.getStore().getSource().get(connection);
    assert.ok(record, connection);
    const edges = record.edges.__refs.map((edge) => relay.getStore().getSource().get(edge));
    return edges.map((edge) => relay.getStore().getSource().get(edge.node.__ref).id);
  };
  const commit = (relay, name, variables) => new Promise((resolve, reject) => {
    commitMutation(relay, { mutation: artifact(name), variables, onCompleted: resolve, onError: reject });
  });

  test('a paginated fragment fetches pages and its store merges them', async () => {
    const relay = environment();
    const sources = [source];
    await fetched(relay, 'CustomersQuery', { count: 7, cursor: null, sources });
    const all = await allIds(source);
    assert.deepEqual(listed(relay, sources), all.slice(0, 7));
    for (const count of [1, 13, 100]) {
      const info = relay.getStore().getSource().get(`client:root:__Customers_customers_connection(sources:${JSON.stringify(sources)}):pageInfo`);
      assert.ok(info.hasNextPage);
      await fetched(relay, 'CustomersPageQuery', { count, cursor: info.endCursor, sources });
    }
    assert.deepEqual(listed(relay, sources), all.slice(0, 7 + 1 + 13 + 100));
  });

  test('owners are kept with their customers, not by ids that are their CRM\'s own', async () => {
    const relay = environment();
    await fetched(relay, 'CustomersQuery', { count: 20, cursor: null, sources: [source] });
    const records = relay.getStore().getSource();
    const owners = records.getRecordIDs().map((id) => records.get(id)).filter((record) => record?.__typename === 'Owner');
    assert.ok(owners.length > 1);
    for (const owner of owners) assert.notEqual(owner.__id, owner.id);
  });

  test('a card refetches itself through node', async () => {
    const relay = environment();
    const [id] = await allIds(source);
    const { node } = await fetched(relay, 'CustomersCardQuery', { id });
    assert.equal(node.__id, id);
    const record = relay.getStore().getSource().get(id);
    assert.equal(record.__typename, 'Customer');
    assert.ok(record.displayName.length > 0);
  });

  test('writes add to, change and shrink the list that the store holds', async () => {
    const relay = environment();
    const sources = ['gtateth'];
    await fetched(relay, 'CustomersQuery', { count: 3, cursor: null, sources });
    const before = listed(relay, sources);
    const connections = [ConnectionHandler.getConnectionID('client:root', 'Customers_customers', { sources })];
    const input = (name) => ({ source: 'gtateth', firstName: name, email: `${name.toLowerCase()}@clients.example` });
    const first = await commit(relay, 'CustomersPrependMutation', { input: input('Prepended'), connections });
    const last = await commit(relay, 'CustomersAppendMutation', { input: input('Appended'), connections });
    const made = [first, last].map((answer) => answer.createCustomer.customerEdge.node.id);
    assert.deepEqual(listed(relay, sources), [made[0], ...before, made[1]]);
    await commit(relay, 'CustomersUpdateMutation', { input: { id: made[0], tier: 'GOLD' } });
    assert.equal(relay.getStore().getSource().get(made[0]).tier, 'GOLD');
    for (const [id, left] of [[made[0], [...before, made[1]]], [made[1], before]]) {
      await commit(relay, 'CustomersDeleteMutation', { input: { id }, connections });
      assert.deepEqual(listed(relay, sources), left);
    }
    const { data } = await ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: made });
    assert.deepEqual(data.nodes, [null, null]);
  });
});

describe('Apollo Client', () => {
  const client = () => new ApolloClient({
    link: new HttpLink({ uri: url }),
    cache: new InMemoryCache({
      possibleTypes: { Node: ['Customer', 'Source'] },
      typePolicies: {
        Query: { fields: { customers: relayStylePagination(['sources', 'filter', 'orderBy', 'unsupportedFilter', 'onSourceFailure']) } },
        Customer: { fields: { children: relayStylePagination(['filter', 'orderBy']) } },
        Owner: { keyFields: false },
      },
    }),
    defaultOptions: { query: { errorPolicy: 'all' }, watchQuery: { errorPolicy: 'all' } },
  });
  const query = gql`
    query ($sources: [String!], $first: Int, $after: String) {
      customers(sources: $sources, first: $first, after: $after) {
        edges { cursor node { id displayName } }
        pageInfo { hasNextPage endCursor }
      }
    }
  `;

  test('merges the pages it fetches', async () => {
    const apollo = client();
    const all = await allIds('spirii');
    const variables = { sources: ['spirii'], first: 9 };
    await apollo.query({ query, variables });
    const watched = apollo.watchQuery({ query, variables });
    const shown = watched.subscribe({});
    for (let page = 0; page < 3; page += 1) {
      const held = apollo.readQuery({ query, variables });
      await watched.fetchMore({ variables: { after: held.customers.pageInfo.endCursor } });
    }
    const held = apollo.readQuery({ query, variables });
    assert.deepEqual(held.customers.edges.map((edge) => edge.node.id), all.slice(0, 36));
    shown.unsubscribe();
  });

  test('keeps owners with their customers, not by ids that are their CRM\'s own', async () => {
    const apollo = client();
    const { data } = await apollo.query({ query: gql`{ customers(first: 20, sources: ["flextell"]) { edges { node { id owner { id name } } } } }` });
    assert.ok(data.customers.edges.some((edge) => edge.node.owner));
    assert.deepEqual(Object.keys(apollo.cache.extract()).filter((key) => key.startsWith('Owner')), []);
  });

  test('keeps lists apart that tell failures in their own way', async () => {
    const apollo = client();
    const list = gql`query ($policy: SourceFailurePolicy!) { customers(first: 2, onSourceFailure: $policy) { edges { node { id } } } }`;
    for (const policy of ['SKIP', 'FAIL']) await apollo.query({ query: list, variables: { policy } });
    const kept = Object.keys(apollo.cache.extract().ROOT_QUERY).filter((key) => key.startsWith('customers'));
    assert.equal(kept.length, 2, kept.join());
  });

  test('tells errors with their codes', async () => {
    const { error } = await client().query({ query, variables: { first: 101 } });
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.equal(error.errors[0].extensions.code, 'INVALID_INPUT');
  });

  test('shows what came beside an error', async () => {
    const both = gql`{ customers(first: 2, sources: ["spirii"]) { edges { node { id } } } node(id: "nobody") { id } }`;
    const { data, error } = await client().query({ query: both });
    assert.equal(data.customers.edges.length, 2);
    assert.equal(error.errors[0].extensions.code, 'INVALID_ID');
  });
});

describe('urql', () => {
  const sent = [];
  const client = new Client({
    url,
    exchanges: [fetchExchange],
    preferGetMethod: 'force',
    fetch: (address, options) => {
      sent.push(options.method);
      return fetch(address, options);
    },
  });

  test('asks by GET and writes by POST', async () => {
    const asked = await client.query('query ($first: Int!) { customers(first: $first) { nodes { id } } }', { first: 2 });
    assert.equal(asked.error, undefined);
    assert.equal(asked.data.customers.nodes.length, 2);
    const written = await client.mutation(
      'mutation ($input: UpdateCustomerInput!) { updateCustomer(input: $input) { outcome userErrors { code } } }',
      { input: { id: asked.data.customers.nodes[0].id, jobTitle: 'Reader' } },
    );
    assert.equal(written.error, undefined);
    assert.equal(written.data.updateCustomer.outcome, 'APPLIED');
    assert.deepEqual(sent, ['GET', 'POST']);
  });

  test('tells errors with their codes', async () => {
    const { error } = await client.query('{ customers(after: "nonsense") { nodes { id } } }', {});
    assert.equal(error.graphQLErrors[0].extensions.code, 'INVALID_CURSOR');
  });
});

// As README.md has it.
const none = ['Owner', 'PhoneNumber', 'Freshness', 'Capabilities', 'FilterCapability', 'OrderCapability', 'Assumption', 'SourceReport',
  'SourceError', 'SourceStatus', 'SourceQuota', 'UserError'];
const joined = relayPagination();
const children = (parent, args, cache, info) => {
  const unknown = cache.resolve(info.parentKey, info.fieldName, args) === null;
  return unknown ? null : joined(parent, args, cache, info);
};

describe('urql with Graphcache', () => {
  let sent = 0;
  const count = (address, options) => {
    sent += 1;
    return fetch(address, options);
  };
  const client = new Client({
    url,
    preferGetMethod: false,
    fetch: count,
    exchanges: [
      cacheExchange({
        keys: Object.fromEntries(none.map((type) => [type, () => null])),
        resolvers: { Query: { customers: relayPagination() }, Customer: { children } },
      }),
      fetchExchange,
    ],
  });
  const list = (source, selection) => client
    .query(`query ($s: [String!]) { customers(sources: $s, first: 2) { edges { node { id ${selection} } } } }`, { s: [source] })
    .toPromise();

  for (const [source, knows] of [['gtateth', false], ['spirii', true]]) {
    test(`shows the rows of ${source}, whether it knows children or not`, async () => {
      await list(source, 'displayName');
      for (const requests of [1, 0]) {
        sent = 0;
        const { data, error, stale } = await list(source, 'children(first: 1) { edges { node { id } } }');
        assert.deepEqual([error, stale, sent], [undefined, false, requests]);
        assert.equal(data.customers.edges.length, 2);
        for (const { node } of data.customers.edges) assert.equal(node.children !== null, knows);
      }
    });
  }
});

describe('GraphQL over HTTP', () => {
  for (const audit of serverAudits({ url })) {
    test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn();
      const answer = result.status === 'ok' ? '' : `${result.response.status}: ${await result.response.text?.().catch(() => '')}`;
      assert.equal(result.status, 'ok', `${result.reason} (${answer})`);
    });
  }
});
