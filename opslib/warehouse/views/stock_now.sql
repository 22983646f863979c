SELECT
    stock_days.item AS item,
    stock_days.place AS place,
    stock_days.day AS day,
    stock_days.closing AS on_hand
FROM stock_days
INNER JOIN (SELECT max(day) AS day FROM stock_days) AS latest
    ON stock_days.day = latest.day
