// What a Relay application writes: a list that pages and refetches, a card that refetches itself, and the three writes with
// their declarative updates. Only compiled, never run: clients.test.mjs runs what the compiler made of it.

const { graphql } = require('relay-runtime');

graphql`
  query CustomersQuery($count: Int!, $cursor: String, $sources: [String!]) {
    ...Customers_list @arguments(count: $count, cursor: $cursor, sources: $sources)
  }
`;

graphql`
  fragment Customers_list on Query
  @refetchable(queryName: "CustomersPageQuery")
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
    sources: { type: "[String!]" }
  ) {
    customers(first: $count, after: $cursor, sources: $sources) @connection(key: "Customers_customers") {
      totalCount
      edges {
        node {
          id
          ...Customers_card
        }
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

graphql`
  fragment Customers_card on Customer @refetchable(queryName: "CustomersCardQuery") {
    displayName
    tier
    email
    owner {
      id
      name
    }
  }
`;

graphql`
  fragment Customers_children on Customer
  @refetchable(queryName: "CustomersChildrenQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 5 }, cursor: { type: "String" }) {
    children(first: $count, after: $cursor) @connection(key: "Customers_children") {
      edges {
        node {
          ...Customers_card
        }
      }
    }
  }
`;

graphql`
  fragment Customers_backward on Query
  @refetchable(queryName: "CustomersBackwardQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    customers(last: $count, before: $cursor) @connection(key: "Customers_backward_customers") {
      edges {
        node {
          ...Customers_card
        }
      }
    }
  }
`;

graphql`
  mutation CustomersAppendMutation($input: CreateCustomerInput!, $connections: [ID!]!) {
    createCustomer(input: $input) {
      outcome
      customerEdge @appendEdge(connections: $connections) {
        cursor
        node {
          id
          ...Customers_card
        }
      }
      userErrors {
        field
        code
        message
      }
    }
  }
`;

graphql`
  mutation CustomersPrependMutation($input: CreateCustomerInput!, $connections: [ID!]!) {
    createCustomer(input: $input) {
      customerEdge @prependEdge(connections: $connections) {
        cursor
        node {
          id
          ...Customers_card
        }
      }
    }
  }
`;

graphql`
  mutation CustomersUpdateMutation($input: UpdateCustomerInput!) {
    updateCustomer(input: $input) {
      customer {
        id
        ...Customers_card
      }
    }
  }
`;

graphql`
  mutation CustomersDeleteMutation($input: DeleteCustomerInput!, $connections: [ID!]!) {
    deleteCustomer(input: $input) {
      outcome
      deletedCustomerId @deleteEdge(connections: $connections)
    }
  }
`;
