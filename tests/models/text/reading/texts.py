"""Texts with whatever is read as something else, for property tests."""

from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=())) | st.lists(
    st.one_of(
        st.text(max_size=3),
        st.sampled_from(
            [
                "<p>", "</p>", "<b>", "</b>", "<br>", "<script>", "</script>", "<!--", "-->", "<a href='x'>", "</a>",
                "<3", '<span class="invisible">', "</span>", "&amp;", "&nbsp", "&eacute;", "&#x1F600;", "&#",
                "&lt;b&gt;", "&", "\u200b", "\u200d", "\ufe0f", "\u20e3", "👩", "e\u0301", "𝐉", "ﬁ", "Ⓐ", "🅹", "\u2068",
                "a", "Alma", " ",
            ]
        ),
    )
).map("".join)  # fmt: skip
