// Starts GraphiQL on this gateway, with the first query in place.
"use strict";
ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: "/graphql" }),
    defaultQuery: window.FIRST_QUERY,
    shouldPersistHeaders: false,
  })
);
