// A query editor without anything from elsewhere: three text areas, a button and the answer.
"use strict";
const byId = (id) => document.getElementById(id);
const [query, variables, headers, result, status] = ["query", "variables", "headers", "result", "status"].map(byId);

query.value = window.FIRST_QUERY;
variables.value = "{}";
headers.value = "{}";

async function run() {
  let given, more;
  try {
    given = JSON.parse(variables.value.trim() || "{}");
    more = JSON.parse(headers.value.trim() || "{}");
  } catch (error) {
    result.textContent = `The variables or headers are not valid JSON: ${error.message}`;
    return;
  }
  const started = performance.now();
  status.textContent = "…";
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { ...more, "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ query: query.value, variables: given }),
    });
    result.textContent = JSON.stringify(await response.json(), null, 2);
    status.textContent = `${response.status}, ${Math.round(performance.now() - started)} ms`;
  } catch (error) {
    result.textContent = `No answer: ${error.message}`;
    status.textContent = "";
  }
}

byId("run").addEventListener("click", run);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});
