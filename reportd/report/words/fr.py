"""French."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "yes": "oui",
    "no": "non",
    "total": "Total",
    "subtotal": "Sous-total",
    "running": "{measure} (cumul)",
    "continued": "(suite)",
    "page": "Page {page} sur {pages}",
    "as of": "Données au {time}",
    "no rows": "Aucune ligne",
    "no rows for": "Aucune ligne pour {filters}",
    "cut": "Ce document montre les {shown} premières lignes, sur {count}, de «\u00a0{table}\u00a0».",
    "cut here": "Coupé ici\u00a0: {left} autres lignes de «\u00a0{table}\u00a0» sont dans la feuille de calcul et le "
    "fichier CSV.",
    "no font": "Caractères sans police ici\u00a0: {count} ({characters}), imprimés comme des carrés\u202f; ils sont "
    "justes dans la feuille de calcul et le fichier CSV. Pour les imprimer\u00a0: {line}",
    "cut totals": "Les totaux portent sur les {count} lignes\u202f; la feuille de calcul et le fichier CSV les "
    "contiennent toutes.",
    "against": "contre {label}",
    "before": "auparavant",
    "and": "et",
    "none": "aucun",
    "by": "{measure} par {dimension}",
    "no values": "Aucune valeur à représenter",
    "alt": "{title}\u00a0: {count} valeurs, de {low} à {high}",
    "points": "pt",
    "chart cut": "Représentés\u00a0: les {shown} premiers sur {count}.",
    "pie parts": "{count} parts sont trop pour un camembert\u00a0: elles sont représentées par des barres.",
    "area negative": "Une aire ne peut montrer de valeurs négatives\u00a0: elles sont représentées par des lignes.",
    "pie negative": "Un camembert ne peut montrer de valeurs négatives\u00a0: elles sont représentées par des barres.",
    "share": "{title}\u00a0: {parts}",
    "columns": "colonnes {first}–{last} sur {count}",
    "thousands": "\u00a0k",
    "millions": "\u00a0M",
    "billions": "\u00a0Md",
    "sheet summary": "Synthèse",
    "sheet chart data": "Données du graphique",
    "sheet sheets": "Dans ce classeur",
    "sheet rows": "Lignes",
    "sheet origin": "Origine de ces chiffres",
    "sheet report": "Rapport",
    "sheet job": "Tâche",
    "sheet made by": "Produit par",
    "sheet params": "Paramètres",
    "sheet report text": "SHA-256 du rapport",
    "sheet data": "SHA-256 des données",
    "sheet goes on": "Suite dans {sheets}\u00a0: une feuille ne contient pas plus de lignes.",
    "sheet as text": "{column}\u00a0: {count} qu’une cellule ne peut contenir exactement, gardés comme texte.",
    "sheet cut": "{column}\u00a0: {count} plus longs que ce que contient une cellule, coupés et marqués.",
    "sheet unlinked": "{column}\u00a0: {count} adresses en texte simple, car une feuille ne contient pas plus de "
    "liens.",
}
