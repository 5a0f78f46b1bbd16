// Starts GraphiQL on this gateway, with the first query in place.
"use strict";

// GraphiQL's history and favourites hold the headers of each request, and with them its credentials. Nothing of these stays in
// the browser: they are left out of what is stored, and taken out of what an earlier page left there.
const WITH_HEADERS = ["graphiql:queries", "graphiql:favorites"];

function withoutHeaders(key, text) {
  if (!WITH_HEADERS.includes(key)) {
    return text;
  }
  try {
    return JSON.stringify(JSON.parse(text, (name, value) => (name === "headers" ? undefined : value)));
  } catch {
    return "";
  }
}

const storage = {
  get length() {
    return localStorage.length;
  },
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, text) => localStorage.setItem(key, withoutHeaders(key, text)),
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
};

for (const key of WITH_HEADERS) {
  const kept = localStorage.getItem(key);
  if (kept) {
    storage.setItem(key, kept);
  }
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
    defaultQuery: window.FIRST_QUERY,
    shouldPersistHeaders: false,
    storage,
  })
);
