"""Which of the valid candidates is published, and how sure that is.

- `selector`: chooses by the method that the settings name.
- `judge`: how true each candidate is by its post, and the choice by that.
"""
