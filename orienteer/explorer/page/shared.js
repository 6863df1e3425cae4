// Small helpers of all pages, and the choice between a dark and a light page.
"use strict";

const byId = (id) => document.getElementById(id);
const plain = (value, digits = 0) => value.toFixed(digits).replace("-", "−");
const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

function keepTheme(light) {
  try { localStorage.setItem("page", light ? "light" : "dark"); } catch { /* no storage */ }
}

function startTheme() {
  let kept = null;
  try { kept = localStorage.getItem("page"); } catch { /* no storage */ }
  showTheme(kept === "light");
  byId("theme").addEventListener("click", () => {
    const light = document.documentElement.dataset.page !== "light";
    keepTheme(light);
    showTheme(light);
  });
}

function showTheme(light) {
  document.documentElement.dataset.page = light ? "light" : "dark";
  byId("theme").textContent = light ? "Dark page" : "Light page"; // what a click gives
}
