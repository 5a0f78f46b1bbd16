// The first query a newcomer sees.
"use strict";
window.FIRST_QUERY = `{
  customers(first: 40) {
    totalCount
    edges {
      cursor
      node {
        id
        displayName
        email
        source {
          key
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    sources {
      source {
        key
      }
      outcome
    }
  }
}
`;
