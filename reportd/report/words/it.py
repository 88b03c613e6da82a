"""Italian."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "yes": "sì",
    "no": "no",
    "total": "Totale",
    "subtotal": "Subtotale",
    "running": "{measure} (progressivo)",
    "continued": "(segue)",
    "page": "Pagina {page} di {pages}",
    "as of": "Dati al {time}",
    "no rows": "Nessuna riga",
    "no rows for": "Nessuna riga per {filters}",
    "cut": "Questo documento mostra le prime {shown} di {count} righe di «{table}».",
    "cut here": "Tagliato qui: altre {left} righe di «{table}» sono nel foglio di calcolo e nel file CSV.",
    "no font": "Caratteri qui senza font: {count} ({characters}), stampati come riquadri; nel foglio di calcolo e "
    "nel file CSV sono corretti. Per stamparli: {line}",
    "cut totals": "I totali comprendono tutte le {count} righe; il foglio di calcolo e il file CSV le contengono "
    "tutte.",
    "against": "rispetto a {label}",
    "before": "prima",
    "and": "e",
    "none": "nessuno",
    "by": "{measure} per {dimension}",
    "no values": "Nessun valore da rappresentare",
    "alt": "{title}: {count} valori, da {low} a {high}",
    "points": "p.p.",
    "chart cut": "Sono rappresentati i primi {shown} di {count}.",
    "pie parts": "{count} parti sono troppe per un grafico a torta: sono rappresentate come barre.",
    "area negative": "Un’area non può mostrare valori negativi: sono rappresentati come linee.",
    "pie negative": "Un grafico a torta non mostra valori negativi: sono rappresentati come barre.",
    "share": "{title}: {parts}",
    "columns": "colonne {first}–{last} di {count}",
    "thousands": "\u00a0mila",
    "millions": "\u00a0mln",
    "billions": "\u00a0mld",
    "sheet summary": "Riepilogo",
    "sheet chart data": "Dati del grafico",
    "sheet sheets": "In questa cartella di lavoro",
    "sheet rows": "Righe",
    "sheet origin": "Provenienza di queste cifre",
    "sheet report": "Report",
    "sheet job": "Lavoro",
    "sheet made by": "Creato da",
    "sheet params": "Parametri",
    "sheet report text": "SHA-256 del report",
    "sheet data": "SHA-256 dei dati",
    "sheet goes on": "Continua in {sheets}: un foglio non contiene più righe.",
    "sheet as text": "{column}: {count} che una cella non può contenere esattamente, tenuti come testo.",
    "sheet cut": "{column}: {count} più lunghi di quanto contiene una cella, lì tagliati e segnati.",
    "sheet unlinked": "{column}: {count} indirizzi sono testo semplice, perché un foglio non contiene più "
    "collegamenti.",
}
