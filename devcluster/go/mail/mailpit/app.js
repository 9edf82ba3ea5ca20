// The inbox of the quickstart's mail catcher. mailpit's own page is built by npm and not part of its Go module.
const root = document.getElementById("app");
const base = root.dataset.webroot;
const REFRESH_MILLISECONDS = 3000;

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function row(mail) {
  const line = document.createElement("tr");
  const link = element("a", mail.Subject || "(no subject)");
  link.href = `${base}view/${mail.ID}.txt`;
  const subject = document.createElement("td");
  subject.append(link);
  const recipients = (mail.To || []).map((one) => one.Address).join(", ");
  line.append(element("td", new Date(mail.Created).toLocaleString()), element("td", recipients), subject);
  return line;
}

async function refresh() {
  const answer = await fetch(`${base}api/v1/messages?limit=200`);
  const found = await answer.json();
  document.getElementById("count").textContent = `${found.total} mails, newest first`;
  document.getElementById("mails").replaceChildren(...found.messages.map(row));
}

const table = document.createElement("table");
const head = document.createElement("thead");
const titles = document.createElement("tr");
titles.append(...["Arrived", "To", "Subject"].map((title) => element("th", title)));
head.append(titles);
const body = document.createElement("tbody");
body.id = "mails";
table.append(head, body);
const count = element("p", "");
count.id = "count";
root.replaceChildren(element("h1", "Mails that were sent"), count, table);

refresh();
setInterval(refresh, REFRESH_MILLISECONDS);
